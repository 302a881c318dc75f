#include "storage/compaction/series_rules.h"

#include <catch2/catch.hpp>
#include <random>

namespace varve::storage {
namespace {

using Times = std::vector<int64_t>;

model::SampleColumns At(const Times& times) {
  model::SampleColumns columns;
  for (const int64_t at_ms : times) {
    columns.push_back(at_ms, static_cast<double>(at_ms));
  }
  return columns;
}

Times Every(int64_t step_ms, int64_t from_ms, int64_t to_ms) {
  Times times;
  for (int64_t at = from_ms; at <= to_ms; at += step_ms) times.push_back(at);
  return times;
}

Times After(const SeriesRules& rules, int64_t now_ms, const Times& times) {
  model::SampleColumns columns = At(times);
  ApplyRules(rules, now_ms, columns);
  for (size_t i = 0; i < columns.size(); ++i) {
    CHECK(columns.values[i] == static_cast<double>(columns.timestamps_ms[i]));
  }
  return columns.timestamps_ms;
}

TEST_CASE("a delete hides lower generations inside its range", "[compaction]") {
  const SeriesRules rules{.deleted = {{7, {20, 30}}}};
  model::SampleColumns columns = At({10, 20, 25, 30, 31});
  HideDeleted(rules, 7, 0, columns);
  CHECK(columns.size() == 5);
  HideDeleted(rules, 6, 0, columns);
  CHECK(columns.timestamps_ms == Times{10, 31});
  CHECK(columns.values == std::vector<double>{10, 31});
}

TEST_CASE("a delete leaves the rows of other pieces alone", "[compaction]") {
  const SeriesRules rules{.deleted = {{7, {0, 100}}, {9, {50, 60}}}};
  model::SampleColumns columns = At({10, 20, 50, 51, 70});
  HideDeleted(rules, 8, 2, columns);
  CHECK(columns.timestamps_ms == Times{10, 20, 70});
  HideDeleted(rules, 3, 1, columns);
  CHECK(columns.timestamps_ms == Times{10});
  HideDeleted(rules, 3, 1, columns);
  CHECK(columns.timestamps_ms == Times{10});
}

TEST_CASE("samples before the oldest kept are left out", "[compaction]") {
  CHECK(After({.oldest_ms = 20}, 1000, {10, 19, 20, 21}) == Times{20, 21});
  CHECK(After({.oldest_ms = 20}, 1000, {10, 19}).empty());
  CHECK(After({.oldest_ms = 20}, 1000, {}).empty());
  CHECK(After({}, 1000, {0, 1}) == Times{0, 1});
}

TEST_CASE("old samples are thinned to the last of each interval",
          "[compaction]") {
  const SeriesRules rules{.downsampling = {{100, 50}}};
  // Intervals end at 50, 100, 150; 200 is not older than 100 at 290.
  CHECK(After(rules, 290, Every(10, 0, 220)) ==
        Times{0, 50, 100, 150, 160, 170, 180, 190, 200, 210, 220});
  CHECK(After(rules, 300, Every(10, 0, 220)) ==
        Times{0, 50, 100, 150, 200, 210, 220});
  CHECK(After(rules, 300, {1, 49, 51, 99, 101}) == Times{49, 99, 101});
}

TEST_CASE("before the offset has passed nothing is thinned", "[compaction]") {
  const SeriesRules rules{.downsampling = {{100, 50}}};
  CHECK(After(rules, 90, Every(10, 0, 60)) == Every(10, 0, 60));
}

TEST_CASE("steps follow one another by age", "[compaction]") {
  const SeriesRules rules{.downsampling = {{100, 20}, {200, 60}}};
  // At 400: thinned to 60 up to 180, to 20 up to 300.
  CHECK(After(rules, 400, Every(5, 5, 330)) ==
        Times{60, 120, 180, 200, 220, 240, 260, 280, 300, 305, 310, 315, 320,
              325, 330});
}

TEST_CASE("of equal last timestamps the one that reads first stays",
          "[compaction]") {
  model::SampleColumns columns;
  columns.push_back(10, 9);
  columns.push_back(20, model::StaleNan());
  columns.push_back(20, 3);
  columns.push_back(20, 2);
  ApplyRules({.downsampling = {{0, 20}}}, 1000, columns);
  CHECK(columns.timestamps_ms == Times{20});
  CHECK(columns.values == std::vector<double>{3});
}

TEST_CASE("thinning twice, at any two times, is thinning once",
          "[compaction]") {
  const SeriesRules rules{
      .oldest_ms = 700, .downsampling = {{1000, 30}, {5000, 120}, {8000, 360}}};
  std::mt19937_64 random(11);
  for (int round = 0; round < 200; ++round) {
    Times times;
    int64_t at = static_cast<int64_t>(random() % 100);
    for (int i = 0; i < 500; ++i) {
      times.push_back(at);
      at += static_cast<int64_t>(random() % 60);
    }
    const int64_t first_ms = static_cast<int64_t>(random() % 20'000);
    const int64_t second_ms = first_ms + static_cast<int64_t>(random() % 9000);
    CAPTURE(round, first_ms, second_ms);
    CHECK(After(rules, second_ms, After(rules, first_ms, times)) ==
          After(rules, second_ms, times));
  }
}

}  // namespace
}  // namespace varve::storage
