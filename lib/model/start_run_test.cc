#include "lib/model/start_run.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>

namespace varve::model {
namespace {

TEST_CASE("samples of one start are one run", "[model]") {
  StartRuns runs;
  for (const int64_t at : {10, 20, 30}) AddStart(runs, 0, at, 5);
  AddStart(runs, 0, 40, 0);  // unknown
  AddStart(runs, 0, 50, 45);
  AddStart(runs, 0, 60, 45);
  CHECK(runs == StartRuns{{10, 30, 5}, {50, 60, 45}});
  // Another series' last run is not this one's.
  AddStart(runs, runs.size(), 70, 45);
  CHECK(runs.size() == 3);
}

TEST_CASE("each sample has the start of its run, between runs it is unknown",
          "[model]") {
  const StartRuns runs = {{10, 30, 5}, {50, 60, 45}};
  CHECK(StartAt(runs, 9) == 0);
  CHECK(StartAt(runs, 10) == 5);
  CHECK(StartAt(runs, 25) == 5);
  CHECK(StartAt(runs, 30) == 5);
  CHECK(StartAt(runs, 31) == 0);
  CHECK(StartAt(runs, 60) == 45);
  CHECK(StartAt(runs, 61) == 0);
  CHECK(StartAt({}, 10) == 0);
}

TEST_CASE("runs of several writes are joined, in whatever order they come",
          "[model]") {
  const StartRuns joined = {{10, 60, 5}, {70, 90, 65}};
  StartRuns runs = {{70, 80, 65}, {40, 60, 5}, {80, 90, 65},
                    {10, 30, 5},  {10, 30, 5}, {90, 90, 65}};
  std::sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) {
    return a.first_ms > b.first_ms;
  });
  JoinRuns(runs);
  CHECK(runs == joined);
  JoinRuns(runs);
  CHECK(runs == joined);
}

TEST_CASE("a late sample of another start keeps its own", "[model]") {
  StartRuns runs = {{10, 90, 5}, {50, 50, 45}};
  JoinRuns(runs);
  CHECK(runs == StartRuns{{10, 49, 5}, {50, 50, 45}, {51, 90, 5}});
}

TEST_CASE("starts that differ with each sample keep one run each", "[model]") {
  // As of delta temporality: each sample counts since the one before.
  StartRuns runs;
  for (int64_t at = 40; at >= 20; at -= 10) AddStart(runs, 0, at, at - 10);
  JoinRuns(runs);
  CHECK(runs == StartRuns{{20, 20, 10}, {30, 30, 20}, {40, 40, 30}});
}

TEST_CASE("ranges are cut out of runs and runs cut to ranges", "[model]") {
  StartRuns runs = {{1, 9, 1}, {10, 60, 5}, {70, 90, 65}};
  StartRuns cut = runs;
  KeepRange({20, 75}, 1, cut);
  CHECK(cut == StartRuns{{1, 9, 1}, {20, 60, 5}, {70, 75, 65}});
  RemoveRange({20, 75}, 1, runs);
  CHECK(runs == StartRuns{{1, 9, 1}, {10, 19, 5}, {76, 90, 65}});
  RemoveRange({0, 100}, 0, runs);
  CHECK(runs.empty());
}

// What holds at a time, by the rule as the header says it.
int64_t ByRule(const StartRuns& runs, int64_t at_ms) {
  const StartRun* best = nullptr;
  for (const StartRun& run : runs) {
    if (at_ms < run.first_ms || at_ms > run.last_ms) continue;
    if (best == nullptr || run.first_ms > best->first_ms ||
        (run.first_ms == best->first_ms &&
         (run.last_ms < best->last_ms || (run.last_ms == best->last_ms &&
                                          run.start_ms > best->start_ms)))) {
      best = &run;
    }
  }
  return best == nullptr ? 0 : best->start_ms;
}

TEST_CASE("joined runs say at each time what the rule says", "[model]") {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    StartRuns runs;
    for (size_t n = random() % 8; n > 0; --n) {
      const auto first = static_cast<int64_t>(random() % 30);
      runs.push_back({first, first + static_cast<int64_t>(random() % 10),
                      static_cast<int64_t>(1 + random() % 4)});
    }
    StartRuns joined = runs;
    JoinRuns(joined);
    for (size_t i = 1; i < joined.size(); ++i) {
      REQUIRE(joined[i - 1].last_ms < joined[i].first_ms);
    }
    for (int64_t at = 0; at < 42; ++at) {
      const int64_t want = ByRule(runs, at);
      // Between two runs of one start it may be known nevertheless.
      if (want != 0) REQUIRE(StartAt(joined, at) == want);
    }
  }
}

}  // namespace
}  // namespace varve::model
