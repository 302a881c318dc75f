#include "lib/histogram/estimate.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lib/histogram/buckets.h"

namespace varve::histogram {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// A side without buckets has no observations, so the zero bucket, which
// spans both sides, ends at 0 there.
void CutAtEmptySide(const FloatHistogram& h, Bucket& zero) {
  if (h.negative.empty() && !h.positive.empty()) zero.lower = 0;
  if (h.positive.empty() && !h.negative.empty()) zero.upper = 0;
}

bool IsLinear(const FloatHistogram& h, const Bucket& bucket) {
  return h.has_custom_bounds() || (bucket.lower <= 0 && bucket.upper >= 0);
}

// Where the given share of a bucket's observations ends.
double ValueAt(const FloatHistogram& h, const Bucket& bucket, double share) {
  if (IsLinear(h, bucket)) {
    return bucket.lower + (bucket.upper - bucket.lower) * share;
  }
  const double lower = std::log2(std::abs(bucket.lower));
  const double upper = std::log2(std::abs(bucket.upper));
  if (bucket.lower > 0) return std::exp2(lower + (upper - lower) * share);
  return -std::exp2(upper + (lower - upper) * (1 - share));
}

// A walk from the side that is nearer to the quantile, up to its bucket.
struct Found {
  Bucket bucket;
  double count = 0;  // of the buckets walked, the last included
};

Found WalkToRank(BucketWalk& walk, double rank) {
  Found found;
  while (walk.Next()) {
    found.bucket = walk.bucket();
    found.count += found.bucket.count;
    if (found.bucket.count != 0 && found.count >= rank) break;
  }
  return found;
}

// NaN observations are those without a bucket; a sum may be NaN of infinite
// ones, too, which have buckets.
bool HasNanObservations(const FloatHistogram& h, BucketWalk& walk,
                        double walked) {
  while (walk.Next()) walked += walk.bucket().count;
  return walked < h.count;
}

}  // namespace

QuantileEstimate Quantile(const FloatHistogram& h, double q) {
  if (q < 0) return {.value = -kInfinity};
  if (q > 1) return {.value = kInfinity};
  if (h.count == 0 || std::isnan(q)) return {.value = kNan};

  // NaN observations rank above all others, so they are walked to last.
  const bool ascending = std::isnan(h.sum) || q < 0.5;
  auto walk =
      ascending ? BucketWalk::Ascending(h) : BucketWalk::Descending(h);
  const double rank = (ascending ? q : 1 - q) * h.count;
  auto [bucket, walked] = WalkToRank(walk, rank);
  if (h.has_custom_bounds()) {
    if (bucket.lower == -kInfinity) {
      if (bucket.upper <= 0) return {.value = bucket.upper};
      bucket.lower = 0;
    } else if (bucket.upper == kInfinity) {
      return {.value = bucket.lower};
    }
  } else if (bucket.lower < 0 && bucket.upper > 0) {
    CutAtEmptySide(h, bucket);
  }
  const double count = std::min(walked, h.count);  // against rounding
  if (count < rank) {
    if (std::isnan(h.sum)) {
      return {.value = kNan, .nan_effect = NanEffect::kResultIsNan};
    }
    return {.value = bucket.upper};  // rounding, or a malformed histogram
  }
  const double in_bucket =
      ascending ? rank - (count - bucket.count) : count - rank;
  QuantileEstimate estimate{.value =
                                ValueAt(h, bucket, in_bucket / bucket.count)};
  if (std::isnan(h.sum) && HasNanObservations(h, walk, count)) {
    estimate.nan_effect = NanEffect::kSkewedHigher;
  }
  return estimate;
}

namespace {

// All of an unbounded bucket is taken to lie at its finite bound.
double CountBelow(const FloatHistogram& h, const Bucket& bucket,
                  double value) {
  if (bucket.lower == -kInfinity) return bucket.count;
  return bucket.count * ShareBelow(bucket, value, IsLinear(h, bucket));
}

// How many observations lie below a value, as a walk in ascending order
// finds it.
struct Rank {
  double value;
  double rank = 0;
  bool known = false;

  void See(const FloatHistogram& h, const Bucket& bucket, double below) {
    if (known) return;
    if (bucket.lower >= value) {
      rank = below;
      known = true;
    } else if (bucket.upper > value) {
      rank = below + CountBelow(h, bucket, value);
      known = true;
    }
  }
};

}  // namespace

FractionEstimate Fraction(const FloatHistogram& h, double lower,
                          double upper) {
  if (h.count == 0 || std::isnan(lower) || std::isnan(upper)) {
    return {.value = kNan};
  }
  if (lower >= upper) return {.value = 0};

  Rank from{.value = lower};
  Rank to{.value = upper};
  double walked = 0;
  auto walk = BucketWalk::Ascending(h);
  while (!(from.known && to.known) && walk.Next()) {
    Bucket bucket = walk.bucket();
    if (bucket.lower <= 0 && bucket.upper >= 0) CutAtEmptySide(h, bucket);
    from.See(h, bucket, walked);
    to.See(h, bucket, walked);
    walked += bucket.count;
  }
  FractionEstimate estimate;
  double in_buckets = h.count;
  if (std::isnan(h.sum)) {
    while (walk.Next()) walked += walk.bucket().count;
    in_buckets = walked;
    estimate.nan_observations = walked < h.count;
  }
  for (Rank* rank : {&from, &to}) {
    if (!rank->known || rank->rank > in_buckets) rank->rank = in_buckets;
  }
  estimate.value = (to.rank - from.rank) / h.count;
  return estimate;
}

double Average(const FloatHistogram& h) { return h.sum / h.count; }

double StdVar(const FloatHistogram& h) {
  const double mean = Average(h);
  double squares = 0;
  for (auto walk = BucketWalk::Ascending(h); walk.Next();) {
    const Bucket& bucket = walk.bucket();
    if (bucket.count == 0) continue;
    double middle = 0;
    if (h.has_custom_bounds()) {
      middle = (bucket.upper + bucket.lower) / 2;
    } else if (bucket.lower > 0 || bucket.upper < 0) {
      middle = std::sqrt(bucket.upper * bucket.lower);
      if (bucket.upper < 0) middle = -middle;
    }
    squares += bucket.count * (middle - mean) * (middle - mean);
  }
  return squares / h.count;
}

double StdDev(const FloatHistogram& h) { return std::sqrt(StdVar(h)); }

}  // namespace varve::histogram
