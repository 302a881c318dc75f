#include "lib/eval/value.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

namespace varve::eval {
namespace {

EvalSeries Series(model::LabelSet labels, std::vector<double> values) {
  return {std::move(labels), false, std::move(values), {}};
}

TEST_CASE("series are sorted label by label, bytewise", "[eval]") {
  const bool with_zero_bytes = GENERATE(false, true);
  std::mt19937 random(7);
  const auto text = [&](size_t size_min) {
    std::string out(size_min + random() % 3, 'a');
    constexpr std::string_view kBytes("a\x01\x7F\xC3\xFF\0", 6);
    for (char& c : out) c = kBytes[random() % (with_zero_bytes ? 6 : 5)];
    return out;
  };
  std::vector<EvalSeries> series;
  for (int i = 0; i < 500; ++i) {
    std::vector<model::Label> labels;
    for (size_t n = random() % 4; n > 0; --n) {
      labels.push_back({text(1), text(0)});
    }
    series.push_back(
        Series(model::LabelSet(std::move(labels)), {static_cast<double>(i)}));
  }
  std::vector<model::LabelSet> want;
  std::vector<double> values;
  for (const EvalSeries& one : series) want.push_back(one.labels);
  std::sort(want.begin(), want.end());
  const std::vector<EvalSeries> before = series;
  SortByLabels(series);
  REQUIRE(series.size() == want.size());
  for (size_t i = 0; i < series.size(); ++i) {
    REQUIRE(series[i].labels == want[i]);
    REQUIRE(before[static_cast<size_t>(series[i].values[0])].labels ==
            series[i].labels);
    values.push_back(series[i].values[0]);
  }
  std::sort(values.begin(), values.end());
  CHECK(std::adjacent_find(values.begin(), values.end()) == values.end());
}

TEST_CASE("series of equal labels become one, unless they overlap", "[eval]") {
  const model::LabelSet a{{"l", "a"}};
  const model::LabelSet b{{"l", "b"}};
  std::vector<EvalSeries> series = {
      Series(a, {1, Absent(), Absent()}), Series(b, {5, 6, 7}),
      Series(a, {Absent(), Absent(), 3}), Series(a, {Absent(), 2, Absent()})};
  REQUIRE(MergeSameLabels(series).ok());
  REQUIRE(series.size() == 2);
  CHECK(series[0].labels == a);
  CHECK(series[0].values == std::vector<double>{1, 2, 3});
  CHECK(series[1].labels == b);
  CHECK(series[1].values == std::vector<double>{5, 6, 7});
  series.push_back(Series(b, {Absent(), 8, Absent()}));
  CHECK(MergeSameLabels(series).message() == kSameLabelSetText);
}

}  // namespace
}  // namespace varve::eval
