#include "lib/histogram/trim.h"

#include <cmath>
#include <limits>

#include "lib/histogram/buckets.h"
#include "lib/histogram/resolution.h"

namespace varve::histogram {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

enum class Keep : uint8_t { kBelow, kAbove };

// What stays of a bucket: that many observations, all taken as one value.
struct Rest {
  double count = 0;
  double value = 0;
};

// The value that stands for the observations between two bounds of a bucket.
double Middle(double lower, double upper, Side side, bool linear) {
  if (std::isinf(lower)) {
    if (std::isinf(upper)) return 0;
    return upper > 0 ? upper / 2 : upper;
  }
  if (std::isinf(upper)) return lower;
  if (linear) return (lower + upper) / 2;
  const double middle = std::sqrt(std::abs(lower * upper));
  return side == Side::kPositive ? middle : -middle;
}

// Nothing is known of where in an unbounded bucket its observations are; they
// go if some of them might have to. The exceptions: the lowest bucket begins
// at 0 where that makes sense, and lies at its bound where that is not above
// 0; the highest one lies above any limit.
Rest CutUnbounded(const Bucket& bucket, double limit, Keep keep) {
  const bool from_zero = bucket.lower == -kInfinity && bucket.upper > 0 &&
                         bucket.upper != kInfinity;
  if (keep == Keep::kBelow) {
    if (from_zero && limit > 0) {
      return {bucket.count * limit / bucket.upper, limit / 2};
    }
    if (bucket.upper <= 0) return {bucket.count, limit};
    return {};
  }
  if (from_zero && limit >= 0) {
    return {bucket.count * (1 - limit / bucket.upper),
            (limit + bucket.upper) / 2};
  }
  if (bucket.lower != -kInfinity) return {bucket.count, limit};
  return {};
}

Rest Cut(const Bucket& bucket, double limit, Keep keep, Side side,
         bool linear) {
  const bool wholly_below = bucket.upper <= limit;
  const bool wholly_above = bucket.lower >= limit;
  if (keep == Keep::kBelow ? wholly_below : wholly_above) {
    return {bucket.count, Middle(bucket.lower, bucket.upper, side, linear)};
  }
  if (keep == Keep::kBelow ? !(bucket.lower < limit)
                           : !(bucket.upper > limit)) {
    return {};
  }
  if (std::isinf(bucket.lower) || std::isinf(bucket.upper)) {
    return CutUnbounded(bucket, limit, keep);
  }
  const double below = bucket.count * ShareBelow(bucket, limit, linear);
  if (keep == Keep::kBelow) {
    return {below, Middle(bucket.lower, limit, side, linear)};
  }
  return {bucket.count - below, Middle(limit, bucket.upper, side, linear)};
}

// A side without observations bounds the zero bucket at 0.
Rest CutZero(const FloatHistogram& h, double limit, Keep keep,
             bool has_positive, bool has_negative) {
  Bucket zero = ZeroBucketOf(h);
  if (has_negative && !has_positive) zero.upper = 0;
  if (has_positive && !has_negative) zero.lower = 0;
  const bool below = keep == Keep::kBelow;
  // A limit of 0 on a zero bucket of no width is below it.
  if (limit <= zero.lower || limit >= zero.upper) {
    const bool limit_is_below = limit <= zero.lower;
    if (limit_is_below == below) return {};
    return {zero.count, (zero.lower + zero.upper) / 2};
  }
  const double kept = below ? limit - zero.lower : zero.upper - limit;
  return {zero.count * (kept / (zero.upper - zero.lower)),
          ((below ? zero.lower : zero.upper) + limit) / 2};
}

void Trim(FloatHistogram& h, double limit, Keep keep) {
  double count = 0;
  double sum = 0;
  bool trimmed = false;
  const auto put = [&](double& bucket, Rest rest) {
    trimmed = trimmed || bucket != rest.count;
    bucket = rest.count;
    count += rest.count;
    sum += rest.value * rest.count;
  };
  const auto cut_side = [&](std::vector<double>& counts, Side side) {
    bool populated = false;
    size_t i = 0;
    for (IndexWalk walk(h, side); walk.Next(); ++i) {
      if (counts[i] == 0) continue;
      populated = true;
      const Bucket bucket = BucketAt(h, side, walk.index(), counts[i]);
      put(counts[i], Cut(bucket, limit, keep, side, h.has_custom_bounds()));
    }
    return populated;
  };
  const bool has_positive = cut_side(h.positive, Side::kPositive);
  const bool has_negative = cut_side(h.negative, Side::kNegative);
  if (h.zero_count > 0) {
    put(h.zero_count, CutZero(h, limit, keep, has_positive, has_negative));
  }
  if (!trimmed) return;
  h.count = count;
  h.sum = sum;
  Compact(h);
}

}  // namespace

void TrimAbove(FloatHistogram& h, double limit) {
  Trim(h, limit, Keep::kBelow);
}

void TrimBelow(FloatHistogram& h, double limit) {
  Trim(h, limit, Keep::kAbove);
}

}  // namespace varve::histogram
