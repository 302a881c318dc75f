// Sums, differences and multiples of histograms.
//
// All change their first argument; a caller copies a shared histogram first.
// Results may hold empty buckets: Compact (resolution.h) removes them.
//
// Threads: free functions without state.
// Source:  prometheus/prometheus model/histogram/float_histogram.go (3.5).
#ifndef VARVE_LIB_HISTOGRAM_ARITHMETIC_H_
#define VARVE_LIB_HISTOGRAM_ARITHMETIC_H_

#include <cstdint>

#include "lib/histogram/float_histogram.h"

namespace varve::histogram {

// Multiplies count, sum and all buckets. A negative factor makes a gauge.
void Scale(FloatHistogram& h, double factor);

// As Scale by 1/divisor; a division by 0 leaves no buckets but the zero one,
// whose count, as count and sum, becomes infinite or NaN.
void Divide(FloatHistogram& h, double divisor);

// Why two histograms cannot be combined.
enum class Mismatch : uint8_t {
  kNone,
  kSchema,  // one is exponential, the other has custom bounds
  kBounds,  // both have custom bounds, and other ones
};

Mismatch Compare(const FloatHistogram& a, const FloatHistogram& b);

struct [[nodiscard]] Combination {
  Mismatch mismatch = Mismatch::kNone;  // otherwise nothing was changed
  // One side is known to begin after a counter reset, the other not to.
  bool reset_collision = false;

  bool ok() const { return mismatch == Mismatch::kNone; }
};

// h += other, h -= other. The result has the lower resolution of both and the
// larger zero bucket (widened to a bucket bound of both where it would cut a
// populated bucket); it is a gauge if one of them is, otherwise the reset
// hint is kept only if both have it.
Combination Add(FloatHistogram& h, const FloatHistogram& other);
Combination Sub(FloatHistogram& h, const FloatHistogram& other);

// `mean` of count - 1 histograms becomes the one of `count`, when `h` joins
// them. REQUIRES: count >= 2.
Combination AddToMean(FloatHistogram& mean, const FloatHistogram& h,
                      double count);

}  // namespace varve::histogram

#endif  // VARVE_LIB_HISTOGRAM_ARITHMETIC_H_
