// The buckets of a histogram one after the other, with their bounds.
//
// A bucket of an exponential schema s has the upper bound 2^(index * 2^-s), on
// the negative side mirrored; one of custom bounds has them from the list,
// below the first -Inf, above the last +Inf. The zero bucket lies between the
// sides and has no index.
//
// Threads: const functions of values; a walk has one owner.
// Source:  prometheus.io/docs/specs/native_histograms;
//          prometheus/prometheus model/histogram/generic.go (3.5).
#ifndef VARVE_LIB_HISTOGRAM_BUCKETS_H_
#define VARVE_LIB_HISTOGRAM_BUCKETS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/histogram/float_histogram.h"

namespace varve::histogram {

struct Bucket {
  double lower = 0;
  double upper = 0;
  bool lower_inclusive = false;
  bool upper_inclusive = false;
  double count = 0;
  int64_t index = 0;  // within its side; 0 of the zero bucket
};

// The upper bound of a positive bucket; the highest finite one is the largest
// double, so that infinite observations have a bucket of their own.
// REQUIRES: kSchemaMin <= schema <= kSchemaMax.
double ExponentialBound(int64_t index, int32_t schema);

enum class Side : uint8_t { kPositive, kNegative };
inline constexpr Side kSides[] = {Side::kPositive, Side::kNegative};

inline Side Opposite(Side side) {
  return side == Side::kPositive ? Side::kNegative : Side::kPositive;
}
inline const std::vector<model::HistogramSpan>& SpansOf(
    const FloatHistogram& h, Side side) {
  return side == Side::kPositive ? h.positive_spans : h.negative_spans;
}
inline std::vector<model::HistogramSpan>& SpansOf(FloatHistogram& h,
                                                  Side side) {
  return side == Side::kPositive ? h.positive_spans : h.negative_spans;
}
inline const std::vector<double>& CountsOf(const FloatHistogram& h,
                                           Side side) {
  return side == Side::kPositive ? h.positive : h.negative;
}
inline std::vector<double>& CountsOf(FloatHistogram& h, Side side) {
  return side == Side::kPositive ? h.positive : h.negative;
}

// The bucket of this index on a side, with the bounds of h's layout.
Bucket BucketAt(const FloatHistogram& h, Side side, int64_t index,
                double count);

Bucket ZeroBucketOf(const FloatHistogram& h);

// A bucket's index and count, without bounds, along a side's spans: outwards,
// from the zero bucket on.
//
//   for (IndexWalk walk(h, Side::kPositive); walk.Next();) walk.index() …
class IndexWalk {
 public:
  // What is walked outlives the walk, here and below.
  IndexWalk(std::span<const model::HistogramSpan> spans,
            std::span<const double> counts)
      : spans_(spans), counts_(counts) {}
  IndexWalk(const FloatHistogram& h, Side side);

  bool Next();
  int64_t index() const { return index_; }
  double count() const { return counts_[next_ - 1]; }

 private:
  std::span<const model::HistogramSpan> spans_;
  std::span<const double> counts_;
  size_t span_ = 0;
  uint32_t in_span_ = 0;
  size_t next_ = 0;
  int64_t index_ = 0;
};

// As IndexWalk, towards the zero bucket.
class InwardIndexWalk {
 public:
  InwardIndexWalk(const FloatHistogram& h, Side side);

  bool Next();
  int64_t index() const { return index_; }
  double count() const { return counts_[left_]; }

 private:
  std::span<const model::HistogramSpan> spans_;
  std::span<const double> counts_;
  size_t span_ = 0;
  uint32_t left_in_span_ = 0;
  size_t left_ = 0;
  int64_t index_ = 0;
};

// Walks all buckets, empty ones too, in the order of their bounds: negative,
// zero (if its count is above 0), positive; or the other way round. A bucket
// that reaches into the zero bucket is shown from the zero threshold on.
//
//   for (auto walk = BucketWalk::Ascending(h); walk.Next();) walk.bucket() …
class BucketWalk {
 public:
  static BucketWalk Ascending(const FloatHistogram& h) {
    return BucketWalk(h, Side::kNegative);
  }
  static BucketWalk Descending(const FloatHistogram& h) {
    return BucketWalk(h, Side::kPositive);
  }

  bool Next();
  const Bucket& bucket() const { return bucket_; }

 private:
  enum class Phase : uint8_t { kFirstSide, kZero, kSecondSide };

  BucketWalk(const FloatHistogram& h, Side first);
  void Show(Side side, int64_t index, double count);

  const FloatHistogram& h_;
  Side first_side_;
  InwardIndexWalk first_;
  IndexWalk second_;
  Phase phase_ = Phase::kFirstSide;
  Bucket bucket_;
};

// The part of a bucket's observations that lies below a value inside it: they
// are spread evenly, or, not linear, evenly in their logarithm.
double ShareBelow(const Bucket& bucket, double value, bool linear);

// The API's number of which bounds belong to a bucket: 0 the upper one, 1 the
// lower one, 2 none, 3 both.
int BoundaryRule(const Bucket& bucket);

}  // namespace varve::histogram

#endif  // VARVE_LIB_HISTOGRAM_BUCKETS_H_
