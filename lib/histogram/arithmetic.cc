#include "lib/histogram/arithmetic.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "lib/histogram/buckets.h"
#include "lib/histogram/resolution.h"
#include "lib/histogram/zero_bucket.h"

namespace varve::histogram {
namespace {

using model::CounterReset;

// What is known of resets in a combination. True on a collision.
bool CombineResets(FloatHistogram& h, CounterReset other) {
  if (h.reset == other || h.reset == CounterReset::kGauge) return false;
  if (other == CounterReset::kGauge) {
    h.reset = CounterReset::kGauge;
    return false;
  }
  const bool collision = h.reset != CounterReset::kUnknown &&
                         other != CounterReset::kUnknown;
  h.reset = CounterReset::kUnknown;
  return collision;
}

template <typename Op>
void CombineSide(FloatHistogram& h, const FloatHistogram& other, Side side,
                 Op op) {
  std::vector<double>& counts = CountsOf(h, side);
  const std::vector<double>& others = CountsOf(other, side);
  if (SameLayout(h, other, side)) {
    std::transform(counts.begin(), counts.end(), others.begin(),
                   counts.begin(), op);
    return;
  }
  SideBuilder builder;
  builder.Reserve(counts.size() + others.size());
  IndexWalk a(h, side);
  OutsideZeroWalk b(other, side, h.schema, h.zero_threshold);
  bool more_a = a.Next();
  bool more_b = b.Next();
  while (more_a || more_b) {
    if (!more_b || (more_a && a.index() < b.index())) {
      builder.Append(a.index(), a.count());
      more_a = a.Next();
    } else if (!more_a || b.index() < a.index()) {
      builder.Append(b.index(), op(0.0, b.count()));
      more_b = b.Next();
    } else {
      builder.Append(a.index(), op(a.count(), b.count()));
      more_a = a.Next();
      more_b = b.Next();
    }
  }
  builder.MoveTo(h, side);
}

template <typename Op>
Combination Combine(FloatHistogram& h, const FloatHistogram& other, Op op) {
  Combination outcome{.mismatch = Compare(h, other)};
  if (!outcome.ok()) return outcome;
  outcome.reset_collision = CombineResets(h, other.reset);
  if (!h.has_custom_bounds()) {
    const double others = ReconcileZeroBuckets(h, other);
    h.zero_count = op(h.zero_count, others);
    ReduceResolution(h, std::min(h.schema, other.schema));
  }
  h.count = op(h.count, other.count);
  h.sum = op(h.sum, other.sum);
  for (const Side side : kSides) CombineSide(h, other, side, op);
  return outcome;
}

template <typename Op>
void ForEachCount(FloatHistogram& h, Op op) {
  op(h.zero_count);
  op(h.count);
  op(h.sum);
  for (double& count : h.positive) op(count);
  for (double& count : h.negative) op(count);
}

}  // namespace

void Scale(FloatHistogram& h, double factor) {
  ForEachCount(h, [factor](double& count) { count *= factor; });
  if (factor < 0) h.reset = CounterReset::kGauge;
}

void Divide(FloatHistogram& h, double divisor) {
  if (divisor == 0) {
    h.positive_spans.clear();
    h.negative_spans.clear();
    h.positive.clear();
    h.negative.clear();
  }
  ForEachCount(h, [divisor](double& count) { count /= divisor; });
  if (divisor < 0) h.reset = CounterReset::kGauge;
}

Mismatch Compare(const FloatHistogram& a, const FloatHistogram& b) {
  if (a.has_custom_bounds() != b.has_custom_bounds()) return Mismatch::kSchema;
  if (a.has_custom_bounds() && a.custom_bounds != b.custom_bounds) {
    return Mismatch::kBounds;
  }
  return Mismatch::kNone;
}

Combination Add(FloatHistogram& h, const FloatHistogram& other) {
  return Combine(h, other, std::plus<double>());
}

Combination Sub(FloatHistogram& h, const FloatHistogram& other) {
  return Combine(h, other, std::minus<double>());
}

Combination AddToMean(FloatHistogram& mean, const FloatHistogram& h,
                      double count) {
  // mean + (h / count - mean / count) cannot overflow, unlike the sum.
  FloatHistogram change = h;
  FloatHistogram share = mean;
  Divide(change, count);
  Divide(share, count);
  const Combination first = Sub(change, share);
  if (!first.ok()) return first;
  Combination outcome = Add(mean, change);
  outcome.reset_collision |= first.reset_collision;
  return outcome;
}

}  // namespace varve::histogram
