#include "lib/histogram/resolution.h"

#include <catch2/catch.hpp>
#include <limits>
#include <vector>

namespace varve::histogram {
namespace {

using model::HistogramSpan;
using Spans = std::vector<HistogramSpan>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST_CASE("a lower schema merges neighbours into its wider buckets",
          "[histogram]") {
  // Indices 1..4 are (1,2] (2,4] (4,8] (8,16]; in schema -1, index 1 is
  // (1,4] and 2 is (4,16]. Index 0, (0.5,1], is in 0, (0.25,1].
  FloatHistogram h{.count = 31,
                   .sum = 7,
                   .positive_spans = {{0, 5}},
                   .negative_spans = {{-1, 1}, {2, 1}},
                   .positive = {1, 2, 4, 8, 16},
                   .negative = {5, 6}};
  ReduceResolution(h, -1);
  CHECK(h.schema == -1);
  CHECK(h.positive_spans == Spans{{0, 3}});
  CHECK(h.positive == std::vector<double>{1, 6, 24});
  CHECK(h.negative_spans == Spans{{0, 2}});
  CHECK(h.negative == std::vector<double>{5, 6});
  CHECK(h.count == 31);
  CHECK(h.sum == 7);
}

TEST_CASE("resolution falls by several steps at once", "[histogram]") {
  const FloatHistogram h{.reset = model::CounterReset::kYes,
                         .schema = 3,
                         .positive_spans = {{-9, 2}, {7, 9}},
                         .positive = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}};
  const FloatHistogram low = CopyToSchema(h, 0);
  // Indices -9 -8 | 0..8; 8 of them a bucket, the last of which is a multiple
  // of 8.
  CHECK(low.positive_spans == Spans{{-1, 3}});
  CHECK(low.positive == std::vector<double>{1 + 2, 3, 60});  // 4 to 11
  CHECK(low.reset == model::CounterReset::kUnknown);
  CHECK(CopyToSchema(h, 3).reset == model::CounterReset::kYes);
}

TEST_CASE("compact removes empty buckets and joins adjacent spans",
          "[histogram]") {
  FloatHistogram h{
      .positive_spans = {{-2, 3}, {0, 1}, {3, 0}, {1, 3}, {5, 2}},
      .negative_spans = {{4, 2}},
      .positive = {0, 1, 2, 3, 0, 4, 0, 0, 0},
      .negative = {0, 0}};
  Compact(h);
  CHECK(h.positive_spans == Spans{{-1, 3}, {5, 1}});
  CHECK(h.positive == std::vector<double>{1, 2, 3, 4});
  CHECK(h.negative_spans.empty());
  CHECK(h.negative.empty());
}

TEST_CASE("compact leaves a compact histogram as it is", "[histogram]") {
  const FloatHistogram h{.positive_spans = {{-3, 1}, {2, 2}},
                         .positive = {1, -2, kNan}};
  FloatHistogram compacted = h;
  Compact(compacted);
  CHECK(SameHistogram(h, compacted));
}

TEST_CASE("the same histogram has the same buckets and bits",
          "[histogram]") {
  const FloatHistogram h{.zero_threshold = 0.5,
                         .zero_count = 1,
                         .count = 6,
                         .sum = kNan,
                         .positive_spans = {{1, 1}, {2, 1}},
                         .positive = {2, 3}};
  FloatHistogram other = h;
  other.reset = model::CounterReset::kGauge;
  CHECK(SameHistogram(h, other));
  other.positive_spans = {{0, 0}, {1, 1}, {1, 0}, {1, 1}, {4, 0}};
  CHECK(SameHistogram(h, other));

  const auto differs = [&](auto change) {
    FloatHistogram changed = h;
    change(changed);
    return !SameHistogram(h, changed) && !SameHistogram(changed, h);
  };
  CHECK(differs([](FloatHistogram& x) { x.schema = 1; }));
  CHECK(differs([](FloatHistogram& x) { x.sum = 1; }));
  CHECK(differs([](FloatHistogram& x) { x.count = 5; }));
  CHECK(differs([](FloatHistogram& x) { x.zero_count = 2; }));
  CHECK(differs([](FloatHistogram& x) { x.zero_threshold = 0.25; }));
  CHECK(differs([](FloatHistogram& x) { x.positive[1] = 4; }));
  CHECK(differs([](FloatHistogram& x) { x.positive_spans[1].offset = 3; }));
  CHECK(differs([](FloatHistogram& x) {  // an empty bucket more
    x.positive_spans[1].length = 2;
    x.positive.push_back(0);
  }));
  CHECK(differs([](FloatHistogram& x) {
    x.negative_spans = {{0, 1}};
    x.negative = {1};
  }));
}

TEST_CASE("custom bounds belong to what is compared", "[histogram]") {
  const FloatHistogram a{.schema = model::kSchemaCustom,
                         .custom_bounds = {1, 2}};
  FloatHistogram b = a;
  CHECK(SameHistogram(a, b));
  b.custom_bounds = {1, 3};
  CHECK_FALSE(SameHistogram(a, b));
}

}  // namespace
}  // namespace varve::histogram
