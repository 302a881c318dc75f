#include "lib/histogram/text.h"

#include <catch2/catch.hpp>
#include <limits>

namespace varve::histogram {
namespace {

TEST_CASE("a histogram is written with its non-empty buckets",
          "[histogram]") {
  CHECK(Text({}) == "{count:0, sum:0}");
  const FloatHistogram h{.schema = 1,
                         .zero_threshold = 0.00001,
                         .zero_count = 2,
                         .count = 1234567,
                         .sum = -0.5,
                         .positive_spans = {{1, 2}},
                         .negative_spans = {{0, 2}},
                         .positive = {0, 1.25},
                         .negative = {3, 123456}};
  CHECK(Text(h) ==
        "{count:1.234567e+06, sum:-0.5, [-1.414213562373095,-1):123456, "
        "[-1,-0.7071067811865475):3, [-1e-05,1e-05]:2, "
        "(1.414213562373095,2]:1.25}");
}

TEST_CASE("infinite bounds and NaN have their names", "[histogram]") {
  const FloatHistogram h{.schema = model::kSchemaCustom,
                         .count = 3,
                         .sum = std::numeric_limits<double>::quiet_NaN(),
                         .positive_spans = {{0, 2}},
                         .positive = {1, 2},
                         .custom_bounds = {0.0001}};
  CHECK(Text(h) == "{count:3, sum:NaN, [-Inf,0.0001]:1, (0.0001,+Inf]:2}");
}

}  // namespace
}  // namespace varve::histogram
