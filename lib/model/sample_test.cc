#include "lib/model/sample.h"

#include <catch2/catch.hpp>
#include <limits>

namespace varve::model {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

SampleColumns Columns(std::vector<Sample> samples) {
  SampleColumns columns;
  for (const Sample& s : samples) columns.push_back(s.timestamp_ms, s.value);
  return columns;
}

TEST_CASE("of equal timestamps the order is number, NaN, stale marker",
          "[model]") {
  const std::vector<double> best_first = {kInf, 2,          1,
                                          0.0,  -0.0,       -kInf,
                                          NormalNan(), StaleNan()};
  for (size_t i = 0; i < best_first.size(); ++i) {
    for (size_t j = 0; j < best_first.size(); ++j) {
      CAPTURE(i, j);
      CHECK(ReadsBefore(best_first[i], best_first[j]) == (i < j));
    }
  }
}

TEST_CASE("byte-equal samples are one, whatever the rule", "[model]") {
  SampleColumns columns = Columns({{5, 1}, {5, 1}, {5, 2}, {6, 2}});
  SortAndDedup(columns, DedupRule{.keep_all = true});
  CHECK(columns.timestamps_ms == std::vector<int64_t>{5, 5, 6});
  CHECK(columns.values == std::vector<double>{2, 1, 2});
}

TEST_CASE("without keep_all one sample a timestamp is read", "[model]") {
  SampleColumns columns =
      Columns({{7, 3}, {5, StaleNan()}, {5, 1}, {5, 2}, {6, 2}});
  SortAndDedup(columns, DedupRule{});
  CHECK(columns.timestamps_ms == std::vector<int64_t>{5, 6, 7});
  CHECK(columns.values == std::vector<double>{2, 2, 3});
}

TEST_CASE("an interval keeps its last timestamp, ends included", "[model]") {
  SampleColumns columns =
      Columns({{1, 1}, {9, 2}, {10, 3}, {11, 4}, {20, 5}, {21, 6}});
  SortAndDedup(columns, DedupRule{.interval_ms = 10});
  CHECK(columns.timestamps_ms == std::vector<int64_t>{10, 20, 21});
  CHECK(columns.values == std::vector<double>{3, 5, 6});
}

TEST_CASE("no samples stay no samples", "[model]") {
  SampleColumns columns;
  SortAndDedup(columns, DedupRule{.interval_ms = 10});
  CHECK(columns.empty());
}

}  // namespace
}  // namespace varve::model
