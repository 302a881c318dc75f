#include "lib/histogram/reset.h"

#include <algorithm>
#include <vector>

#include "lib/histogram/buckets.h"
#include "lib/histogram/zero_bucket.h"

namespace varve::histogram {
namespace {

// Whether a bucket of the side lost counts, or is gone with some.
bool LostCounts(const FloatHistogram& h, const FloatHistogram& previous,
                Side side) {
  OutsideZeroWalk before(previous, side, h.schema, h.zero_threshold);
  OutsideZeroWalk now(h, side, h.schema, h.zero_threshold);
  bool more_now = now.Next();
  while (before.Next()) {
    while (more_now && now.index() < before.index()) more_now = now.Next();
    if (more_now && now.index() == before.index()) {
      if (now.count() < before.count()) return true;
    } else if (before.count() != 0) {
      return true;
    }
  }
  return false;
}

// As LostCounts for the same layout, which successive samples mostly have.
bool LostCountsInPlace(const std::vector<double>& now,
                       const std::vector<double>& before) {
  return !std::equal(now.begin(), now.end(), before.begin(),
                     [](double n, double b) { return !(n < b); });
}

}  // namespace

bool DetectReset(const FloatHistogram& h, const FloatHistogram& previous) {
  if (h.reset == model::CounterReset::kYes) return true;
  if (h.reset == model::CounterReset::kNo) return false;
  // Gauges are compared too: rate() of them warns, and takes them as counters.
  if (h.count < previous.count) return true;
  if (h.has_custom_bounds() != previous.has_custom_bounds()) return true;
  if (h.has_custom_bounds() && h.custom_bounds != previous.custom_bounds) {
    return true;
  }
  if (h.schema > previous.schema) return true;
  if (h.zero_threshold < previous.zero_threshold) return true;
  if (!h.has_custom_bounds()) {
    const ZeroBucket before = WiderZeroBucket(previous, h.zero_threshold);
    if (before.threshold != h.zero_threshold) return true;
    if (h.zero_count < before.count) return true;
  }
  for (const Side side : kSides) {
    if (SameLayout(h, previous, side)
            ? LostCountsInPlace(CountsOf(h, side), CountsOf(previous, side))
            : LostCounts(h, previous, side)) {
      return true;
    }
  }
  return false;
}

}  // namespace varve::histogram
