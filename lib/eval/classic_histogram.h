// Quantiles and fractions of histograms made of cumulative buckets.
//
// In:      buckets in any order; the highest bound must be +Inf. They are
//          sorted, joined and made monotonic in place.
// Out:     NaN where Prometheus gives NaN (no observations, one bucket ...).
// Threads: free functions without state.
// Source:  prometheus/prometheus promql/quantile.go (3.5), BucketQuantile and
//          BucketFraction. Unlike 3.5 and as later ones, a fraction's first
//          bucket begins at 0 if it ends above; 3.5 gives NaN there.
#ifndef VARVE_LIB_EVAL_CLASSIC_HISTOGRAM_H_
#define VARVE_LIB_EVAL_CLASSIC_HISTOGRAM_H_

#include <vector>

namespace varve::eval {

struct Bucket {
  double upper_bound = 0;
  double count = 0;  // of observations up to the bound
};

struct QuantileResult {
  double value = 0;
  // Some count was below its predecessor's by more than rounding explains.
  bool forced_monotonic = false;
};

// REQUIRES: `buckets` is not empty.
QuantileResult BucketQuantile(double phi, std::vector<Bucket>& buckets);
double BucketFraction(double lower, double upper, std::vector<Bucket>& buckets);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_CLASSIC_HISTOGRAM_H_
