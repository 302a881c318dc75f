#include "lib/histogram/zero_bucket.h"

#include <algorithm>

namespace varve::histogram {
namespace {

// Adds the buckets of a side that begin inside the zero bucket. True if that
// widened the zero bucket, to the end of a populated one.
bool Absorb(const FloatHistogram& h, Side side, ZeroBucket& zero) {
  for (IndexWalk walk(h, side); walk.Next();) {
    const double inner = ExponentialBound(walk.index() - 1, h.schema);
    if (inner >= zero.threshold) return false;
    zero.count += walk.count();
    const double outer = ExponentialBound(walk.index(), h.schema);
    if (outer <= zero.threshold) continue;
    if (walk.count() == 0) return false;
    zero.threshold = outer;
    return true;
  }
  return false;
}

// Empties what belongs to the zero bucket.
void ClearInside(FloatHistogram& h, Side side) {
  std::vector<double>& counts = CountsOf(h, side);
  size_t inside = 0;
  for (IndexWalk walk(h, side); walk.Next(); ++inside) {
    if (ExponentialBound(walk.index() - 1, h.schema) >= h.zero_threshold) break;
  }
  std::fill_n(counts.begin(), inside, 0.0);
}

}  // namespace

bool SameLayout(const FloatHistogram& a, const FloatHistogram& b, Side side) {
  if (a.schema != b.schema || SpansOf(a, side) != SpansOf(b, side)) {
    return false;
  }
  IndexWalk walk(a, side);
  return a.has_custom_bounds() || !walk.Next() ||
         ExponentialBound(walk.index(), a.schema) > a.zero_threshold;
}

ZeroBucket WiderZeroBucket(const FloatHistogram& h, double threshold) {
  ZeroBucket zero{.threshold = threshold, .count = h.zero_count};
  if (threshold == h.zero_threshold) return zero;
  Absorb(h, Side::kPositive, zero);
  while (Absorb(h, Side::kNegative, zero)) {
    // The positive side has to be looked at again, with the new width.
    zero.count = h.zero_count;
    Absorb(h, Side::kPositive, zero);
  }
  return zero;
}

double ReconcileZeroBuckets(FloatHistogram& h, const FloatHistogram& other) {
  ZeroBucket theirs{.threshold = other.zero_threshold,
                    .count = other.zero_count};
  // Each round widens one of them to a bucket's bound. (Not `!=`: a threshold
  // of NaN would never become equal.)
  while (theirs.threshold < h.zero_threshold ||
         theirs.threshold > h.zero_threshold) {
    if (h.zero_threshold > theirs.threshold) {
      theirs = WiderZeroBucket(other, h.zero_threshold);
    }
    if (theirs.threshold > h.zero_threshold) {
      const ZeroBucket ours = WiderZeroBucket(h, theirs.threshold);
      h.zero_threshold = ours.threshold;
      h.zero_count = ours.count;
      ClearInside(h, Side::kPositive);
      ClearInside(h, Side::kNegative);
      Compact(h);
    }
  }
  return theirs.count;
}

}  // namespace varve::histogram
