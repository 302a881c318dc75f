#include "lib/histogram/buckets.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "lib/histogram/bound_table.h"

namespace varve::histogram {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int32_t kTableSchema = 8;
static_assert(std::size(kBoundTable) == size_t{1} << kTableSchema);

// The bound above index 2^10 * 2^schema would be 2^1024.
constexpr int64_t kLastExponent = 1024;

double CustomBound(const std::vector<double>& bounds, int64_t index) {
  if (index < 0) return -kInfinity;
  const auto i = static_cast<size_t>(index);
  return i < bounds.size() ? bounds[i] : kInfinity;
}

}  // namespace

double ExponentialBound(int64_t index, int32_t schema) {
  double fraction = 0.5;
  int64_t exponent = index;
  if (schema <= 0) {
    exponent <<= -schema;
  } else {
    const int64_t in_octave = index & ((1 << schema) - 1);
    fraction = kBoundTable[in_octave << (kTableSchema - schema)];
    exponent >>= schema;
  }
  if (fraction == 0.5 && exponent == kLastExponent) {
    return std::numeric_limits<double>::max();
  }
  constexpr int64_t kBeyond = 4096;  // over- and underflows alike
  return std::ldexp(fraction, static_cast<int>(std::clamp(
                                  exponent + 1, -kBeyond, kBeyond)));
}

Bucket BucketAt(const FloatHistogram& h, Side side, int64_t index,
                double count) {
  Bucket bucket{.count = count, .index = index};
  if (h.has_custom_bounds()) {
    bucket.lower = CustomBound(h.custom_bounds, index - 1);
    bucket.upper = CustomBound(h.custom_bounds, index);
    bucket.upper_inclusive = true;
    bucket.lower_inclusive = index == 0;
    return bucket;
  }
  const double outer = ExponentialBound(index, h.schema);
  const double inner = ExponentialBound(index - 1, h.schema);
  if (side == Side::kPositive) {
    bucket.lower = inner;
    bucket.upper = outer;
    bucket.upper_inclusive = true;
  } else {
    bucket.lower = -outer;
    bucket.upper = -inner;
    bucket.lower_inclusive = true;
  }
  return bucket;
}

Bucket ZeroBucketOf(const FloatHistogram& h) {
  return {.lower = -h.zero_threshold,
          .upper = h.zero_threshold,
          .lower_inclusive = true,
          .upper_inclusive = true,
          .count = h.zero_count};
}

IndexWalk::IndexWalk(const FloatHistogram& h, Side side)
    : IndexWalk(SpansOf(h, side), CountsOf(h, side)) {}

bool IndexWalk::Next() {
  if (next_ >= counts_.size()) return false;
  if (next_ == 0) {
    if (spans_.empty()) return false;
    index_ = spans_[0].offset;
  } else {
    ++index_;
  }
  while (in_span_ >= spans_[span_].length) {
    if (span_ + 1 == spans_.size()) return false;
    in_span_ = 0;
    index_ += spans_[++span_].offset;
  }
  ++in_span_;
  ++next_;
  return true;
}

InwardIndexWalk::InwardIndexWalk(const FloatHistogram& h, Side side)
    : spans_(SpansOf(h, side)),
      counts_(CountsOf(h, side)),
      left_(counts_.size()) {
  for (const model::HistogramSpan& span : spans_) {
    index_ += span.offset + int64_t{span.length};
  }
  if (spans_.empty()) {
    left_ = 0;
    return;
  }
  span_ = spans_.size() - 1;
  left_in_span_ = spans_[span_].length;
}

bool InwardIndexWalk::Next() {
  if (left_ == 0) return false;
  while (left_in_span_ == 0) {
    if (span_ == 0) return false;
    index_ -= spans_[span_].offset;
    left_in_span_ = spans_[--span_].length;
  }
  --index_;
  --left_in_span_;
  --left_;
  return true;
}

BucketWalk::BucketWalk(const FloatHistogram& h, Side first)
    : h_(h),
      first_side_(first),
      first_(h, first),
      second_(h, Opposite(first)) {}

bool BucketWalk::Next() {
  if (phase_ == Phase::kFirstSide) {
    if (first_.Next()) {
      Show(first_side_, first_.index(), first_.count());
      return true;
    }
    phase_ = Phase::kZero;
  }
  if (phase_ == Phase::kZero) {
    phase_ = Phase::kSecondSide;
    if (h_.zero_count > 0) {
      bucket_ = ZeroBucketOf(h_);
      return true;
    }
  }
  if (!second_.Next()) return false;
  Show(Opposite(first_side_), second_.index(), second_.count());
  return true;
}

void BucketWalk::Show(Side side, int64_t index, double count) {
  bucket_ = BucketAt(h_, side, index, count);
  if (bucket_.upper < 0 && bucket_.upper > -h_.zero_threshold) {
    bucket_.upper = -h_.zero_threshold;
  } else if (bucket_.lower > 0 && bucket_.lower < h_.zero_threshold) {
    bucket_.lower = h_.zero_threshold;
  }
}

double ShareBelow(const Bucket& bucket, double value, bool linear) {
  if (linear) return (value - bucket.lower) / (bucket.upper - bucket.lower);
  const double lower = std::log2(std::abs(bucket.lower));
  const double upper = std::log2(std::abs(bucket.upper));
  const double at = std::log2(std::abs(value));
  return value > 0 ? (at - lower) / (upper - lower)
                   : 1 - (at - upper) / (lower - upper);
}

int BoundaryRule(const Bucket& bucket) {
  if (bucket.lower_inclusive) return bucket.upper_inclusive ? 3 : 1;
  return bucket.upper_inclusive ? 0 : 2;
}

}  // namespace varve::histogram
