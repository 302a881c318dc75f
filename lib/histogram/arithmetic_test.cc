#include "lib/histogram/arithmetic.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "lib/histogram/resolution.h"

namespace varve::histogram {
namespace {

using model::CounterReset;
using Counts = std::vector<double>;
using Spans = std::vector<model::HistogramSpan>;

constexpr double kInf = std::numeric_limits<double>::infinity();

FloatHistogram Custom(std::vector<double> bounds, Counts counts) {
  const auto length = static_cast<uint32_t>(counts.size());
  FloatHistogram h{.schema = model::kSchemaCustom,
                   .positive_spans = {{0, length}},
                   .positive = std::move(counts),
                   .custom_bounds = std::move(bounds)};
  for (const double count : h.positive) h.count += count;
  return h;
}

TEST_CASE("a multiple has every count and the sum multiplied",
          "[histogram]") {
  FloatHistogram h{.reset = CounterReset::kNo,
                   .zero_threshold = 0.001,
                   .zero_count = 3,
                   .count = 30,
                   .sum = 33,
                   .positive_spans = {{0, 2}},
                   .negative_spans = {{0, 1}},
                   .positive = {3, 9},
                   .negative = {6}};
  Scale(h, 3);
  CHECK(h.zero_count == 9);
  CHECK(h.count == 90);
  CHECK(h.sum == 99);
  CHECK(h.positive == Counts{9, 27});
  CHECK(h.negative == Counts{18});
  CHECK(h.zero_threshold == 0.001);
  CHECK(h.reset == CounterReset::kNo);
  Scale(h, -1);
  CHECK(h.count == -90);
  CHECK(h.negative == Counts{-18});
  CHECK(h.reset == CounterReset::kGauge);
  Divide(h, -9);
  CHECK(h.count == 10);
  CHECK(h.positive == Counts{1, 3});
}

TEST_CASE("a division by 0 leaves no buckets but the zero bucket",
          "[histogram]") {
  FloatHistogram h{.zero_threshold = 0.001,
                   .count = 30,
                   .sum = -33,
                   .positive_spans = {{0, 2}},
                   .negative_spans = {{0, 1}},
                   .positive = {3, 9},
                   .negative = {6}};
  Divide(h, 0);
  CHECK(h.count == kInf);
  CHECK(h.sum == -kInf);
  CHECK(std::isnan(h.zero_count));
  CHECK(h.positive.empty());
  CHECK(h.positive_spans.empty());
  CHECK(h.negative.empty());
  CHECK(h.negative_spans.empty());
}

TEST_CASE("a sum has the buckets of both", "[histogram]") {
  FloatHistogram h{.zero_count = 1,
                   .count = 10,
                   .sum = 2,
                   .positive_spans = {{-2, 2}, {3, 1}},
                   .negative_spans = {{1, 1}},
                   .positive = {1, 2, 3},
                   .negative = {4}};
  const FloatHistogram other{.zero_count = 2,
                             .count = 100,
                             .sum = 20,
                             .positive_spans = {{-3, 1}, {1, 3}, {4, 1}},
                             .negative_spans = {{1, 1}},
                             .positive = {10, 20, 30, 40, 50},
                             .negative = {60}};
  REQUIRE(Add(h, other).ok());
  CHECK(h.zero_count == 3);
  CHECK(h.count == 110);
  CHECK(h.sum == 22);
  // Indices -2 -1 3 and -3 -1 0 1 6.
  CHECK(h.positive_spans == Spans{{-3, 5}, {1, 1}, {2, 1}});
  CHECK(h.positive == Counts{10, 1, 22, 30, 40, 3, 50});
  CHECK(h.negative == Counts{64});
}

TEST_CASE("a difference keeps buckets that became empty", "[histogram]") {
  FloatHistogram h{.count = 3,
                   .positive_spans = {{0, 2}},
                   .positive = {1, 2}};
  const FloatHistogram other{.count = 5,
                             .positive_spans = {{1, 2}},
                             .positive = {2, 3}};
  REQUIRE(Sub(h, other).ok());
  CHECK(h.count == -2);
  CHECK(h.positive_spans == Spans{{0, 3}});
  CHECK(h.positive == Counts{1, 0, -3});
}

TEST_CASE("the lower resolution is the one of the sum", "[histogram]") {
  const FloatHistogram low{.schema = -1,
                           .count = 1,
                           .positive_spans = {{1, 1}},
                           .positive = {1}};
  const FloatHistogram high{.schema = 0,
                            .count = 4,
                            .positive_spans = {{1, 2}},
                            .positive = {2, 2}};
  FloatHistogram a = low;
  FloatHistogram b = high;
  REQUIRE(Add(a, high).ok());
  REQUIRE(Add(b, low).ok());
  CHECK(a.schema == -1);
  CHECK(a.positive == Counts{5});
  CHECK(SameHistogram(a, b));
}

TEST_CASE("the wider zero bucket takes in the other's buckets",
          "[histogram]") {
  const FloatHistogram wide{.zero_threshold = 1, .zero_count = 10,
                            .count = 10};
  // (0.25,0.5] (0.5,1] (1,2] and their mirrors.
  const FloatHistogram narrow{.zero_threshold = 0.25,
                              .zero_count = 1,
                              .count = 17,
                              .positive_spans = {{-1, 3}},
                              .negative_spans = {{0, 2}},
                              .positive = {1, 2, 4},
                              .negative = {3, 6}};
  FloatHistogram a = wide;
  FloatHistogram b = narrow;
  REQUIRE(Add(a, narrow).ok());
  REQUIRE(Add(b, wide).ok());
  CHECK(a.zero_threshold == 1);
  CHECK(a.zero_count == 10 + 1 + 1 + 2 + 3);
  CHECK(a.positive_spans == Spans{{1, 1}});
  CHECK(a.positive == Counts{4});
  CHECK(a.negative == Counts{6});
  CHECK(SameHistogram(a, b));
}

TEST_CASE("a zero bucket never ends inside a populated bucket",
          "[histogram]") {
  FloatHistogram h{.zero_threshold = 0.6, .zero_count = 10, .count = 10};
  // The threshold of 0.6 is inside (0.5,1], so 1 is the new one; that is
  // inside the other side's (-2,-1]'s neighbour's end, and stays.
  FloatHistogram other{.zero_threshold = 0.1,
                       .zero_count = 1,
                       .count = 8,
                       .positive_spans = {{0, 1}},
                       .negative_spans = {{1, 1}},
                       .positive = {3},
                       .negative = {4}};
  FloatHistogram sum = h;
  REQUIRE(Add(sum, other).ok());
  CHECK(sum.zero_threshold == 1);
  CHECK(sum.zero_count == 14);
  CHECK(sum.positive.empty());
  CHECK(sum.negative == Counts{4});

  other.positive = {0};  // an empty one may be cut
  sum = h;
  REQUIRE(Add(sum, other).ok());
  CHECK(sum.zero_threshold == 0.6);
  CHECK(sum.zero_count == 11);
}

TEST_CASE("zero buckets widen each other until both fit", "[histogram]") {
  // 0.6 is inside the other's (0.5,1]; 1 is inside our (1/16,16] of -2.
  FloatHistogram h{.schema = -2,
                   .zero_threshold = 0.05,
                   .zero_count = 1,
                   .positive_spans = {{1, 1}},
                   .positive = {5}};
  const FloatHistogram other{.schema = 0,
                             .zero_threshold = 1.5,
                             .zero_count = 2,
                             .negative_spans = {{5, 1}},
                             .negative = {7}};
  REQUIRE(Add(h, other).ok());
  CHECK(h.zero_threshold == 16);
  CHECK(h.zero_count == 8);
  CHECK(h.positive.empty());
  CHECK(h.negative_spans == Spans{{2, 1}});  // (16,256] of schema -2
  CHECK(h.negative == Counts{7});
}

TEST_CASE("exponential and custom buckets do not mix", "[histogram]") {
  const FloatHistogram custom = Custom({5, 10}, {1, 2, 3});
  FloatHistogram h{.count = 1, .positive_spans = {{0, 1}}, .positive = {1}};
  const FloatHistogram before = h;
  CHECK(Add(h, custom).mismatch == Mismatch::kSchema);
  CHECK(Sub(h, custom).mismatch == Mismatch::kSchema);
  CHECK(AddToMean(h, custom, 2).mismatch == Mismatch::kSchema);
  CHECK(SameHistogram(h, before));
}

TEST_CASE("custom buckets need the same bounds", "[histogram]") {
  FloatHistogram h = Custom({5, 10}, {1, 2, 3});
  CHECK(Add(h, Custom({5}, {1})).mismatch == Mismatch::kBounds);
  CHECK(h.count == 6);
  FloatHistogram other = Custom({5, 10}, {4, 5});
  other.positive_spans = {{1, 2}};
  REQUIRE(Add(h, other).ok());
  CHECK(h.positive == Counts{1, 6, 8});
  CHECK(h.count == 15);
}

TEST_CASE("hints of resets combine", "[histogram]") {
  struct Case {
    CounterReset a, b, result;
    bool collision;
  };
  constexpr auto kUnknown = CounterReset::kUnknown;
  constexpr auto kYes = CounterReset::kYes;
  constexpr auto kNo = CounterReset::kNo;
  constexpr auto kGauge = CounterReset::kGauge;
  for (const Case& c : {Case{kYes, kYes, kYes, false},
                        Case{kNo, kNo, kNo, false},
                        Case{kUnknown, kNo, kUnknown, false},
                        Case{kYes, kUnknown, kUnknown, false},
                        Case{kGauge, kYes, kGauge, false},
                        Case{kNo, kGauge, kGauge, false},
                        Case{kYes, kNo, kUnknown, true},
                        Case{kNo, kYes, kUnknown, true}}) {
    FloatHistogram h{.reset = c.a};
    const Combination outcome = Add(h, {.reset = c.b});
    CHECK(outcome.reset_collision == c.collision);
    CHECK(h.reset == c.result);
  }
}

TEST_CASE("a mean grows one histogram after the other", "[histogram]") {
  FloatHistogram mean{.count = 4,
                      .sum = 10,
                      .positive_spans = {{0, 1}},
                      .positive = {4}};
  REQUIRE(AddToMean(mean,
                    {.count = 8,
                     .sum = 2,
                     .positive_spans = {{1, 1}},
                     .positive = {8}},
                    2)
              .ok());
  CHECK(mean.count == 6);
  CHECK(mean.sum == 6);
  CHECK(mean.positive == Counts{2, 4});
  const double huge = std::numeric_limits<double>::max();
  FloatHistogram large{.count = huge};
  REQUIRE(AddToMean(large, {.count = huge}, 2).ok());
  CHECK(large.count == huge);
}

TEST_CASE("a threshold of NaN comes to an end", "[histogram]") {
  FloatHistogram h{.zero_threshold = 1, .count = 1};
  CHECK(Add(h, {.zero_threshold = std::nan(""), .count = 2}).ok());
  CHECK(h.count == 3);
}

}  // namespace
}  // namespace varve::histogram
