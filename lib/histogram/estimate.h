// Estimates from a histogram: quantiles, fractions, average and spread.
//
// Within a bucket observations are taken as spread evenly in the logarithm
// (exponential schemas), or evenly (the zero bucket, custom bounds).
//
// A NaN observation counts but has no bucket and makes the sum NaN; that is
// how histograms with such observations are recognized.
//
// Threads: free functions without state.
// Source:  prometheus/prometheus promql/{quantile,functions}.go (3.5).
#ifndef VARVE_LIB_HISTOGRAM_ESTIMATE_H_
#define VARVE_LIB_HISTOGRAM_ESTIMATE_H_

#include <cstdint>

#include "lib/histogram/float_histogram.h"

namespace varve::histogram {

// What NaN observations did to a quantile.
enum class NanEffect : uint8_t {
  kNone,
  kResultIsNan,   // the quantile falls among them
  kSkewedHigher,  // they rank above all others
};

struct QuantileEstimate {
  double value = 0;
  NanEffect nan_effect = NanEffect::kNone;
};

// -Inf for q < 0, +Inf for q > 1, NaN for a q of NaN or an empty histogram. A
// side without buckets bounds the zero bucket at 0. The highest custom bucket
// gives its lower bound; the lowest begins at 0, or, if its bound is not
// above 0, gives that bound.
QuantileEstimate Quantile(const FloatHistogram& h, double q);

struct FractionEstimate {
  double value = 0;
  bool nan_observations = false;  // there are some, in no fraction
};

// The share of observations between two values; NaN if one of them is NaN or
// the histogram is empty, 0 if lower >= upper.
FractionEstimate Fraction(const FloatHistogram& h, double lower, double upper);

double Average(const FloatHistogram& h);
// Of the buckets' geometric means (custom bounds: arithmetic) around the
// average.
double StdVar(const FloatHistogram& h);
double StdDev(const FloatHistogram& h);

}  // namespace varve::histogram

#endif  // VARVE_LIB_HISTOGRAM_ESTIMATE_H_
