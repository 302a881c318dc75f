#include "lib/histogram/buckets.h"

#include <catch2/catch.hpp>
#include <limits>
#include <vector>

namespace varve::histogram {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kMax = std::numeric_limits<double>::max();

std::vector<Bucket> All(BucketWalk walk) {
  std::vector<Bucket> all;
  while (walk.Next()) all.push_back(walk.bucket());
  return all;
}

struct Expected {
  double lower, upper, count;
};

void CheckBuckets(const std::vector<Bucket>& buckets,
                  const std::vector<Expected>& expected) {
  REQUIRE(buckets.size() == expected.size());
  for (size_t i = 0; i < buckets.size(); ++i) {
    CAPTURE(i);
    CHECK(buckets[i].lower == expected[i].lower);
    CHECK(buckets[i].upper == expected[i].upper);
    CHECK(buckets[i].count == expected[i].count);
  }
}

TEST_CASE("bounds are powers of 2^(2^-schema)", "[histogram]") {
  CHECK(ExponentialBound(0, 0) == 1);
  CHECK(ExponentialBound(3, 0) == 8);
  CHECK(ExponentialBound(-2, 0) == 0.25);
  CHECK(ExponentialBound(1, -1) == 4);
  CHECK(ExponentialBound(1, -4) == 65536);
  CHECK(ExponentialBound(-1, -4) == 1.0 / 65536);
  // As clients have it, one unit in the last place below the root of 2.
  CHECK(ExponentialBound(1, 1) == 1.414213562373095);
  CHECK(ExponentialBound(-1, 1) == 0.7071067811865475);
  for (int32_t schema = 0; schema < 8; ++schema) {
    for (int64_t index = -40; index < 40; ++index) {
      CHECK(ExponentialBound(index, schema) ==
            ExponentialBound(2 * index, schema + 1));
    }
  }
}

TEST_CASE("the highest finite bound is the largest double", "[histogram]") {
  CHECK(ExponentialBound(1024, 0) == kMax);
  CHECK(ExponentialBound(1025, 0) == kInf);
  CHECK(ExponentialBound(512, -1) == kMax);
  CHECK(ExponentialBound(513, -1) == kInf);
  CHECK(ExponentialBound(1024 << 8, 8) == kMax);
  CHECK(ExponentialBound((1024 << 8) + 1, 8) == kInf);
  CHECK(ExponentialBound(INT64_C(1) << 40, 0) == kInf);
  CHECK(ExponentialBound(-(INT64_C(1) << 40), -4) == 0);
}

TEST_CASE("buckets ascend from the lowest negative one", "[histogram]") {
  const FloatHistogram h{.zero_threshold = 0.001,
                         .zero_count = 4,
                         .count = 20,
                         .positive_spans = {{0, 2}, {1, 1}},
                         .negative_spans = {{-1, 1}, {2, 2}},
                         .positive = {2, 0, 5},
                         .negative = {1, 3, 6}};
  const std::vector<Expected> ascending = {
      {-8, -4, 6}, {-4, -2, 3}, {-0.5, -0.25, 1}, {-0.001, 0.001, 4},
      {0.5, 1, 2}, {1, 2, 0},   {4, 8, 5}};
  CheckBuckets(All(BucketWalk::Ascending(h)), ascending);
  CheckBuckets(All(BucketWalk::Descending(h)),
               {ascending.rbegin(), ascending.rend()});
}

TEST_CASE("spans of no buckets only move the ones behind", "[histogram]") {
  const FloatHistogram h{.positive_spans = {{1, 0}, {2, 1}, {0, 0}, {1, 1}},
                         .positive = {7, 9}};
  CheckBuckets(All(BucketWalk::Ascending(h)), {{4, 8, 7}, {16, 32, 9}});
  CheckBuckets(All(BucketWalk::Descending(h)), {{16, 32, 9}, {4, 8, 7}});
}

TEST_CASE("the zero bucket cuts the bounds of its neighbours",
          "[histogram]") {
  const FloatHistogram h{.zero_threshold = 0.75,
                         .zero_count = 1,
                         .positive_spans = {{0, 1}},
                         .negative_spans = {{0, 1}},
                         .positive = {2},
                         .negative = {3}};
  CheckBuckets(All(BucketWalk::Ascending(h)),
               {{-1, -0.75, 3}, {-0.75, 0.75, 1}, {0.75, 1, 2}});
}

TEST_CASE("custom bounds reach from -Inf to +Inf", "[histogram]") {
  const FloatHistogram h{.schema = model::kSchemaCustom,
                         .positive_spans = {{0, 3}},
                         .positive = {1, 2, 3},
                         .custom_bounds = {5, 10}};
  const auto all = All(BucketWalk::Ascending(h));
  CheckBuckets(all, {{-kInf, 5, 1}, {5, 10, 2}, {10, kInf, 3}});
  CHECK(BoundaryRule(all[0]) == 3);
  CHECK(BoundaryRule(all[1]) == 0);
  CHECK(BoundaryRule(all[2]) == 0);
}

TEST_CASE("a bound belongs to the bucket nearer to zero", "[histogram]") {
  FloatHistogram h{.zero_threshold = 0.5,
                   .zero_count = 2,
                   .positive_spans = {{1, 1}},
                   .negative_spans = {{1, 1}},
                   .positive = {1},
                   .negative = {-3}};
  const auto all = All(BucketWalk::Ascending(h));
  CheckBuckets(all, {{-2, -1, -3}, {-0.5, 0.5, 2}, {1, 2, 1}});
  CHECK(BoundaryRule(all[0]) == 1);
  CHECK(BoundaryRule(all[1]) == 3);
  CHECK(BoundaryRule(all[2]) == 0);

  h.zero_count = -2;  // of a difference; the API leaves it out
  CheckBuckets(All(BucketWalk::Ascending(h)), {{-2, -1, -3}, {1, 2, 1}});
}

TEST_CASE("offsets beyond any bucket do no harm", "[histogram]") {
  const FloatHistogram h{.schema = -4,
                         .positive_spans = {{INT32_MAX, 1}, {INT32_MAX, 2}},
                         .negative_spans = {{INT32_MIN, 1}},
                         .positive = {1, 2, 3},
                         .negative = {4}};
  CheckBuckets(All(BucketWalk::Ascending(h)),
               {{-0.0, -0.0, 4}, {kInf, kInf, 1}, {kInf, kInf, 2},
                {kInf, kInf, 3}});
  CHECK(All(BucketWalk::Descending(h)).size() == 4);
}

}  // namespace
}  // namespace varve::histogram
