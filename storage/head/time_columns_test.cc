#include "storage/head/time_columns.h"

#include <catch2/catch.hpp>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace varve::storage {
namespace {

constexpr int64_t kNow = 1'780'000'000'000;

TimeColumn ColumnOf(const std::vector<int64_t>& times) {
  TimeColumn column;
  for (const int64_t at_ms : times) column.Push(at_ms);
  return column;
}

void CheckColumn(const std::vector<int64_t>& times) {
  const TimeColumn column = ColumnOf(times);
  REQUIRE(column.size() == times.size());
  for (uint32_t i = 0; i < column.size(); ++i) {
    REQUIRE(column.at(i) == times[i]);
  }
  for (uint32_t from = 0; from <= column.size(); from += 7) {
    std::vector<int64_t> got(column.size() - from);
    column.Copy(from, got);
    REQUIRE(got == std::vector<int64_t>(times.begin() + from, times.end()));
  }
}

TEST_CASE("exact steps take no bytes", "[head]") {
  std::vector<int64_t> times;
  for (int i = 0; i < 1000; ++i) times.push_back(kNow + i * 15'000);
  CheckColumn(times);
  CHECK(ColumnOf(times).heap_bytes() == 0);
}

TEST_CASE("jittered steps take two bytes an entry", "[head]") {
  const uint64_t seed = 20261121;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  std::vector<int64_t> times;
  for (int i = 0; i < 240; ++i) {
    times.push_back(kNow + i * 15'000 + static_cast<int64_t>(random() % 50));
  }
  CheckColumn(times);
  CHECK(ColumnOf(times).heap_bytes() <= 240 * 3);
}

TEST_CASE("gaps and the ends of int64 come back", "[head]") {
  const int64_t most = std::numeric_limits<int64_t>::max();
  const int64_t least = std::numeric_limits<int64_t>::min();
  CheckColumn({least, -1, 0, 1, most - 1, most});
  CheckColumn({least, most});
  CheckColumn({most});
  CheckColumn({0, 1, 2, 40'000, 3'000'000'000, 3'000'000'001});
}

TEST_CASE("a regular column refuses a gap, an irregular one takes it",
          "[head]") {
  TimeColumn regular;
  for (int i = 0; i < 100; ++i) regular.Push(kNow + i * 15'000);
  CHECK(regular.Takes(kNow + 100 * 15'000 + 30'000));
  CHECK_FALSE(regular.Takes(kNow + 200 * 15'000));

  TimeColumn irregular = ColumnOf({kNow, kNow + 1, kNow + 100'000});
  for (int i = 0; i < 100; ++i) irregular.Push(kNow + 200'000 + i);
  CHECK(irregular.Takes(kNow + 1'000'000));
  CHECK_FALSE(irregular.Takes(kNow + int64_t{1} << 40));
}

TEST_CASE("any increasing timestamps come back", "[head]") {
  const uint64_t seed = 20261122;
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    CAPTURE(seed, round);
    const uint64_t bits = random() % 40;
    std::vector<int64_t> times = {static_cast<int64_t>(random() >> 20)};
    while (times.size() < 300) {
      times.push_back(times.back() + 1 +
                      static_cast<int64_t>(random() & ((1ULL << bits) - 1)));
    }
    CheckColumn(times);
  }
}

// Series with their next slots, as the shard keeps them.
class Series {
 public:
  Series(TimeColumns& columns, size_t n) : columns_(columns), next_(n) {}

  TimeColumns::Fit Append(size_t series, int64_t timestamp_ms) {
    const TimeColumns::Placed placed =
        columns_.Place(next_[series], timestamp_ms);
    if (placed.fit == TimeColumns::Fit::kLate) return placed.fit;
    REQUIRE(columns_.at(placed.slot) == timestamp_ms);
    if (!(placed.slot == next_[series])) ++moves_;
    next_[series] = {placed.slot.column, placed.slot.index + 1};
    return placed.fit;
  }
  int64_t TakeMoves() { return std::exchange(moves_, 0); }

 private:
  TimeColumns& columns_;
  std::vector<TimeSlot> next_;
  int64_t moves_ = 0;
};

TEST_CASE("the series of a target share one column, jitter and all",
          "[head]") {
  const uint64_t seed = 20261123;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  TimeColumns columns;
  constexpr size_t kTargets = 20;
  constexpr size_t kEach = 50;
  Series series(columns, kTargets * kEach);
  for (int scrape = 0; scrape < 240; ++scrape) {
    for (size_t target = 0; target < kTargets; ++target) {
      const int64_t at_ms = kNow + scrape * 15'000 +
                            static_cast<int64_t>(target * 700 + random() % 50);
      for (size_t i = 0; i < kEach; ++i) {
        series.Append(target * kEach + i, at_ms);
      }
    }
  }
  CHECK(columns.size() == kTargets);
  CHECK(series.TakeMoves() == kTargets * kEach);
}

TEST_CASE("targets that met once part for good", "[head]") {
  TimeColumns columns;
  Series series(columns, 200);
  for (int scrape = 0; scrape < 50; ++scrape) {
    for (size_t i = 0; i < 200; ++i) {
      const int64_t later = i < 100 ? 0 : scrape % 10;
      series.Append(i, kNow + scrape * 15'000 + later);
    }
    if (scrape == 2) series.TakeMoves();
  }
  CHECK(columns.size() == 2);
  CHECK(series.TakeMoves() == 0);
}

TEST_CASE("a series that misses scrapes comes back to its column", "[head]") {
  TimeColumns columns;
  Series series(columns, 100);
  for (int scrape = 0; scrape < 50; ++scrape) {
    for (size_t i = 0; i < 100; ++i) {
      if (i == 50 && scrape % 5 < 2) continue;
      series.Append(i, kNow + scrape * 15'000 + scrape * scrape % 7);
    }
  }
  CHECK(columns.size() == 1);
  CHECK(series.TakeMoves() == 100 + 9);
}

TEST_CASE("a target that was away goes on in one new column", "[head]") {
  TimeColumns columns;
  Series series(columns, 100);
  for (int scrape = 0; scrape < 100; ++scrape) {
    for (size_t i = 0; i < 100; ++i) {
      series.Append(i, kNow + scrape * 15'000 + scrape / 50 * 3'600'000);
    }
  }
  CHECK(columns.size() == 2);
  CHECK(series.TakeMoves() == 200);
}

TEST_CASE("series with many rows each share a column", "[head]") {
  TimeColumns columns;
  for (int series = 0; series < 10; ++series) {
    TimeSlot next;
    for (int i = 0; i < 100; ++i) {
      const TimeColumns::Placed placed =
          columns.Place(next, kNow + i * 1000 + i % 3);
      next = {placed.slot.column, placed.slot.index + 1};
    }
  }
  CHECK(columns.size() == 1);
}

TEST_CASE("equal and earlier timestamps are told apart", "[head]") {
  TimeColumns columns;
  Series series(columns, 1);
  CHECK(series.Append(0, kNow) == TimeColumns::Fit::kStored);
  CHECK(series.Append(0, kNow) == TimeColumns::Fit::kSameTime);
  CHECK(series.Append(0, kNow - 1) == TimeColumns::Fit::kLate);
  CHECK(series.Append(0, kNow + 1) == TimeColumns::Fit::kStored);
  CHECK(columns.size() == 1);
}

TEST_CASE("series with clocks of their own do not make a column a row",
          "[head]") {
  const uint64_t seed = 20261124;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  TimeColumns columns;
  constexpr size_t kSeries = 100;
  Series series(columns, kSeries);
  for (int scrape = 0; scrape < 200; ++scrape) {
    for (size_t i = 0; i < kSeries; ++i) {
      series.Append(i, kNow + scrape * 15'000 +
                           static_cast<int64_t>(random() % 1000));
    }
  }
  CHECK(columns.size() < 4 * kSeries);
}

}  // namespace
}  // namespace varve::storage
