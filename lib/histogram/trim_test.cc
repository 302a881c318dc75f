#include "lib/histogram/trim.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "lib/histogram/resolution.h"

namespace varve::histogram {
namespace {

using Counts = std::vector<double>;
using Spans = std::vector<model::HistogramSpan>;

constexpr double kInf = std::numeric_limits<double>::infinity();

FloatHistogram Above(FloatHistogram h, double limit) {
  TrimAbove(h, limit);
  return h;
}
FloatHistogram Below(FloatHistogram h, double limit) {
  TrimBelow(h, limit);
  return h;
}

// (0.5,1]:2 (1,2]:4 (2,4]:8, [-1,-0.5):1 [-2,-1):2 and 1 around 0.
const FloatHistogram kBoth{.zero_threshold = 0.01,
                           .zero_count = 1,
                           .count = 18,
                           .sum = 24,
                           .positive_spans = {{0, 3}},
                           .negative_spans = {{0, 2}},
                           .positive = {2, 4, 8},
                           .negative = {1, 2}};
// (-Inf,5]:1 (5,10]:6 (10,15]:4 (15,+Inf]:3.
const FloatHistogram kCustom{.schema = model::kSchemaCustom,
                             .count = 14,
                             .sum = 172.5,
                             .positive_spans = {{0, 4}},
                             .positive = {1, 6, 4, 3},
                             .custom_bounds = {5, 10, 15}};
const double kRoot = std::sqrt(0.5);  // the middle of (0.5,1]

TEST_CASE("a limit at a bucket's bound takes whole buckets", "[histogram]") {
  const FloatHistogram low = Above(kBoth, 1);
  CHECK(low.positive_spans == Spans{{0, 1}});
  CHECK(low.positive == Counts{2});
  CHECK(low.negative == Counts{1, 2});
  CHECK(low.zero_count == 1);
  CHECK(low.count == 6);
  CHECK(low.sum == Approx(2 * kRoot - kRoot - 2 * 2 * kRoot));
  const FloatHistogram high = Below(kBoth, 1);
  CHECK(high.positive_spans == Spans{{1, 2}});
  CHECK(high.positive == Counts{4, 8});
  CHECK(high.negative.empty());
  CHECK(high.zero_count == 0);
  CHECK(high.count == 12);
  CHECK(high.sum == Approx(4 * 2 * kRoot + 8 * 4 * kRoot));
}

TEST_CASE("a bucket around the limit keeps its part", "[histogram]") {
  const double root = std::sqrt(2.0);  // halves (1,2]
  const FloatHistogram low = Above(kBoth, root);
  CHECK(low.positive.size() == 2);
  CHECK(low.positive[1] == Approx(2));
  CHECK(low.count == Approx(8));
  const FloatHistogram high = Below(kBoth, root);
  CHECK(high.positive_spans == Spans{{1, 2}});
  CHECK(high.positive[0] == Approx(2));
  CHECK(high.count == Approx(10));
  CHECK(high.sum ==
        Approx(2 * std::exp2(0.75) + 8 * std::exp2(1.5)));
  const FloatHistogram negative = Above(kBoth, -root);
  CHECK(negative.negative_spans == Spans{{1, 1}});
  CHECK(negative.negative[0] == Approx(1));
  CHECK(negative.sum == Approx(-std::exp2(0.75)));
}

TEST_CASE("a limit beyond all buckets changes nothing", "[histogram]") {
  for (const FloatHistogram& h : {kBoth, kCustom}) {
    CHECK(SameHistogram(Above(h, kInf), h));
    CHECK(SameHistogram(Below(h, -kInf), h));
    CHECK(Above(h, -kInf).count == 0);
    CHECK(Above(h, -kInf).positive.empty());
    CHECK(Above(h, -kInf).sum == 0);
    CHECK(Below(h, kInf).count == 0);
  }
}

TEST_CASE("the zero bucket is cut evenly", "[histogram]") {
  CHECK(Above(kBoth, -0.005).zero_count == Approx(0.25));
  CHECK(Below(kBoth, -0.005).zero_count == Approx(0.75));
  FloatHistogram positive = kBoth;
  positive.negative = {0, 0};
  CHECK(Above(positive, 0).zero_count == 0);  // it begins at 0
  const FloatHistogram low = Above(positive, 0.005);
  CHECK(low.zero_count == Approx(0.5));
  CHECK(low.sum == Approx(0.5 * 0.0025));
}

TEST_CASE("custom buckets are cut evenly", "[histogram]") {
  const FloatHistogram low = Above(kCustom, 7.5);
  CHECK(low.positive == Counts{1, 3});
  CHECK(low.count == 4);
  CHECK(low.sum == Approx(1 * 2.5 + 3 * 6.25));
  const FloatHistogram high = Below(kCustom, 7.5);
  CHECK(high.positive_spans == Spans{{1, 3}});
  CHECK(high.positive == Counts{3, 4, 3});
  CHECK(high.sum == Approx(3 * 8.75 + 4 * 12.5 + 3 * 15));
  CHECK(high.custom_bounds == kCustom.custom_bounds);
}

TEST_CASE("the lowest custom bucket begins at 0, if that is in it",
          "[histogram]") {
  CHECK(Above(kCustom, 2).positive == Counts{0.4});
  CHECK(Above(kCustom, 2).sum == Approx(0.4));
  CHECK(Below(kCustom, 2).positive[0] == Approx(0.6));
  CHECK(Above(kCustom, -1).positive.empty());
  CHECK(SameHistogram(Below(kCustom, 0), kCustom));
  CHECK(Below(kCustom, -1).positive == Counts{6, 4, 3});

  FloatHistogram negative = kCustom;
  negative.custom_bounds = {-5, 10, 15};
  CHECK(Above(negative, -7).positive == Counts{1});
  CHECK(Above(negative, -7).sum == -7);
  CHECK(Below(negative, -7).positive == Counts{6, 4, 3});
}

TEST_CASE("the highest custom bucket goes unless it lies above the limit",
          "[histogram]") {
  CHECK(Above(kCustom, 50).positive == Counts{1, 6, 4});
  const FloatHistogram high = Below(kCustom, 50);
  CHECK(high.positive == Counts{3});
  CHECK(high.sum == 150);
  const FloatHistogram one{.schema = model::kSchemaCustom,
                           .count = 100,
                           .sum = 1,
                           .positive_spans = {{0, 1}},
                           .positive = {100}};
  CHECK(Above(one, 10).count == 0);
  CHECK(Below(one, 10).count == 0);
}

}  // namespace
}  // namespace varve::histogram
