// Making the zero buckets of two histograms equally wide.
//
// Threads: free functions without state.
// Source:  prometheus/prometheus model/histogram/float_histogram.go (3.5).
#ifndef VARVE_LIB_HISTOGRAM_ZERO_BUCKET_H_
#define VARVE_LIB_HISTOGRAM_ZERO_BUCKET_H_

#include "lib/histogram/buckets.h"
#include "lib/histogram/float_histogram.h"
#include "lib/histogram/resolution.h"

namespace varve::histogram {

struct ZeroBucket {
  double threshold = 0;
  double count = 0;
};

// The zero bucket `h` would have with a larger threshold; larger still if the
// one asked for is inside a populated bucket, which then belongs to it wholly.
// REQUIRES: threshold >= h.zero_threshold, no custom bounds.
ZeroBucket WiderZeroBucket(const FloatHistogram& h, double threshold);

// Widens the zero bucket of `h` to one that also `other` could have. The zero
// count that `other` would have then.
double ReconcileZeroBuckets(FloatHistogram& h, const FloatHistogram& other);

// Whether the buckets of a side sit at the same places in both, none of them
// inside the zero bucket of `a`: then counts can be taken pair by pair.
bool SameLayout(const FloatHistogram& a, const FloatHistogram& b, Side side);

// The buckets of a side in a lower schema, without those inside a zero bucket
// of the given width.
class OutsideZeroWalk {
 public:
  OutsideZeroWalk(const FloatHistogram& h, Side side, int32_t schema,
                  double zero_threshold)
      : walk_(h, side, schema),
        schema_(schema),
        zero_threshold_(zero_threshold),
        outside_(h.has_custom_bounds()) {}

  bool Next() {
    while (walk_.Next()) {
      outside_ = outside_ || ExponentialBound(walk_.index(), schema_) >
                                 zero_threshold_;
      if (outside_) return true;
    }
    return false;
  }
  int64_t index() const { return walk_.index(); }
  double count() const { return walk_.count(); }

 private:
  LowerWalk walk_;
  int32_t schema_;
  double zero_threshold_;
  bool outside_;
};

}  // namespace varve::histogram

#endif  // VARVE_LIB_HISTOGRAM_ZERO_BUCKET_H_
