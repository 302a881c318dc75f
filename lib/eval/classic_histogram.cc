#include "lib/eval/classic_histogram.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "lib/model/sample.h"

namespace varve::eval {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// Counts that differ by less, relatively to their sum, differ by rounding
// only.
constexpr double kRoundingTolerance = 1e-12;

bool AlmostEqual(double a, double b) {
  constexpr double kNormalMin = std::numeric_limits<double>::min();
  const double difference = std::fabs(a - b);
  const double sum = std::fabs(a) + std::fabs(b);
  if (a == 0 || b == 0 || sum < kNormalMin) {
    return difference < kRoundingTolerance * kNormalMin;
  }
  return difference / std::fmin(sum, std::numeric_limits<double>::max()) <
         kRoundingTolerance;
}

void SortBuckets(std::vector<Bucket>& buckets) {
  std::stable_sort(buckets.begin(), buckets.end(),
                   [](const Bucket& a, const Bucket& b) {
                     return a.upper_bound < b.upper_bound;
                   });
}

// Adds up buckets of one bound, written as "1" and "1.0" for instance.
void Coalesce(std::vector<Bucket>& buckets) {
  size_t kept = 0;
  for (size_t i = 1; i < buckets.size(); ++i) {
    if (buckets[i].upper_bound == buckets[kept].upper_bound) {
      buckets[kept].count += buckets[i].count;
    } else {
      buckets[++kept] = buckets[i];
    }
  }
  buckets.resize(kept + 1);
}

bool MakeMonotonic(std::vector<Bucket>& buckets) {
  bool forced = false;
  double before = buckets[0].count;
  for (size_t i = 1; i < buckets.size(); ++i) {
    double& count = buckets[i].count;
    if (count == before) continue;
    if (AlmostEqual(count, before)) {
      count = before;  // rounding: neither a step nor worth a note
    } else if (count < before) {
      count = before;
      forced = true;
    } else {
      before = count;
    }
  }
  return forced;
}

// The rank of `value`, between the ranks at the bucket's ends.
double Interpolate(double value, double lower_bound, double lower_rank,
                   const Bucket& bucket) {
  return lower_rank + (bucket.count - lower_rank) * (value - lower_bound) /
                          (bucket.upper_bound - lower_bound);
}

// Observations up to `value`, from sorted monotonic buckets.
double RankOf(double value, const std::vector<Bucket>& buckets) {
  double rank = 0;
  double lower_bound = buckets[0].upper_bound <= 0 ? -kInf : 0;
  for (const Bucket& bucket : buckets) {
    if (lower_bound >= value) return rank;
    if (lower_bound < value && bucket.upper_bound > value) {
      return Interpolate(value, lower_bound, rank, bucket);
    }
    rank = bucket.count;
    lower_bound = bucket.upper_bound;
  }
  return buckets.back().count;
}

}  // namespace

QuantileResult BucketQuantile(double phi, std::vector<Bucket>& buckets) {
  if (std::isnan(phi)) return {model::NormalNan(), false};
  if (phi < 0) return {-kInf, false};
  if (phi > 1) return {kInf, false};
  SortBuckets(buckets);
  if (buckets.back().upper_bound != kInf) return {model::NormalNan(), false};
  Coalesce(buckets);
  const bool forced = MakeMonotonic(buckets);
  const double observations = buckets.back().count;
  if (buckets.size() < 2 || observations == 0 || std::isnan(observations)) {
    return {model::NormalNan(), forced};
  }
  double rank = phi * observations;
  const size_t last = buckets.size() - 1;
  const size_t b = static_cast<size_t>(
      std::partition_point(
          buckets.begin(), buckets.begin() + static_cast<std::ptrdiff_t>(last),
          [rank](const Bucket& bucket) { return !(bucket.count >= rank); }) -
      buckets.begin());
  if (b == last) return {buckets[last - 1].upper_bound, forced};
  if (b == 0 && buckets[0].upper_bound <= 0) {
    return {buckets[0].upper_bound, forced};
  }
  double start = 0;
  double count = buckets[b].count;
  if (b > 0) {
    start = buckets[b - 1].upper_bound;
    count -= buckets[b - 1].count;
    rank -= buckets[b - 1].count;
  }
  return {start + (buckets[b].upper_bound - start) * (rank / count), forced};
}

double BucketFraction(double lower, double upper,
                      std::vector<Bucket>& buckets) {
  SortBuckets(buckets);
  if (buckets.back().upper_bound != kInf) return model::NormalNan();
  Coalesce(buckets);
  const double count = buckets.back().count;
  if (count == 0 || std::isnan(lower) || std::isnan(upper)) {
    return model::NormalNan();
  }
  if (lower >= upper) return 0;
  const double lower_rank = std::min(RankOf(lower, buckets), count);
  const double upper_rank = std::min(RankOf(upper, buckets), count);
  return (upper_rank - lower_rank) / count;
}

}  // namespace varve::eval
