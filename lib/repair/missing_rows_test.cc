#include "lib/repair/missing_rows.h"

#include <catch2/catch.hpp>
#include <cmath>

namespace varve::repair {
namespace {

constexpr model::SeriesHash kHash{1, 2};

model::SampleColumns Samples(std::vector<model::Sample> samples) {
  model::SampleColumns columns;
  for (const auto& [at_ms, value] : samples) columns.push_back(at_ms, value);
  return columns;
}

model::HistogramColumns Histograms(std::vector<std::pair<int64_t, int>> all) {
  model::HistogramColumns columns;
  for (const auto& [at_ms, count] : all) {
    model::Histogram one;
    one.count = one.zero_count = static_cast<uint64_t>(count);
    columns.push_back(at_ms, one);
  }
  return columns;
}

SeriesRows Missing(SeriesRows own, SeriesRows theirs) {
  storage::SearchSeries series;
  series.hash = kHash;
  series.samples = std::move(own.samples);
  series.histograms = std::move(own.histograms);
  series.starts = std::move(own.starts);
  OwnRows rows;
  rows.Add(series);
  return rows.MissingOf(kHash, std::move(theirs));
}

TEST_CASE("missing samples are told by time and bits", "[repair]") {
  const auto missing = Missing(
      {.samples = Samples({{10, 1}, {20, 0.0}, {20, 5}, {40, NAN}})},
      {.samples = Samples({{5, 1},
                           {10, 1},
                           {20, -0.0},
                           {20, 5},
                           {30, 1},
                           {40, model::StaleNan()},
                           {50, 1}})});
  CHECK(missing.samples.timestamps_ms ==
        std::vector<int64_t>{5, 20, 30, 40, 50});
  CHECK(std::signbit(missing.samples.values[1]));
  CHECK(model::IsStaleNan(missing.samples.values[3]));
  CHECK(missing.histograms.empty());
  CHECK(missing.starts.empty());
}

TEST_CASE("nothing is missing of what is here", "[repair]") {
  const SeriesRows all = {.samples = Samples({{1, 1}, {2, 2}}),
                          .histograms = Histograms({{1, 3}, {3, 3}}),
                          .starts = {{1, 3, 1}}};
  CHECK(Missing(all, all).empty());
  CHECK(Missing(all, {}).empty());
  CHECK(Missing({}, all).samples.size() == 2);
  CHECK(OwnRows().MissingOf(kHash, all).histograms.size() == 2);
}

TEST_CASE("missing histograms are told by their counts", "[repair]") {
  const auto missing = Missing({.histograms = Histograms({{1, 1}, {2, 2}})},
                               {.histograms = Histograms({{1, 1}, {2, 3}})});
  REQUIRE(missing.histograms.size() == 1);
  CHECK(missing.histograms.histograms[0].count == 3);
}

TEST_CASE("a start is missing where the own sample has another one or none",
          "[repair]") {
  const SeriesRows own = {.samples = Samples({{10, 1}, {20, 1}, {30, 1}}),
                          .starts = {{10, 10, 5}}};
  SeriesRows theirs = own;
  theirs.histograms = Histograms({{40, 1}});
  theirs.starts = {{10, 20, 5}, {40, 40, 35}};
  const auto missing = Missing(own, theirs);
  CHECK(missing.samples.empty());
  CHECK(missing.starts == model::StartRuns{{20, 20, 5}, {40, 40, 35}});
}

}  // namespace
}  // namespace varve::repair
