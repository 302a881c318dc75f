#include "storage/head/head.h"

#include <atomic>
#include <bit>
#include <catch2/catch.hpp>
#include <limits>
#include <random>
#include <thread>
#include <unordered_map>

namespace varve::storage {
namespace {

constexpr model::TimeRange kAlways = {std::numeric_limits<int64_t>::min(),
                                      std::numeric_limits<int64_t>::max()};
constexpr int64_t kNow = 1'780'000'000'000;

struct Row {
  uint64_t id;
  int64_t timestamp_ms;
  double value;
};

HeadAppendResult Append(Head& head, const std::vector<Row>& rows) {
  std::vector<uint64_t> ids;
  std::vector<int64_t> times;
  std::vector<encoding::ScaledValue> values;
  for (const Row& row : rows) {
    ids.push_back(row.id);
    times.push_back(row.timestamp_ms);
    values.push_back(encoding::ToScaled(row.value));
  }
  const std::vector<uint32_t> counts(rows.size(), 1);
  return head.Append({ids, counts, times, values});
}

model::SampleColumns ReadAll(const HeadView& view, uint64_t id,
                             const model::TimeRange& range = kAlways) {
  model::SampleColumns columns;
  view.Read(id, range, columns);
  model::SortAndDedup(columns, {.interval_ms = 0, .keep_all = true});
  return columns;
}

TEST_CASE("an unknown series is not found", "[head]") {
  Head head({});
  model::SampleColumns columns;
  CHECK_FALSE(head.View().Read(1, kAlways, columns));
  CHECK(head.View().SeriesIds().empty());
  CHECK(head.Stats().series == 0);
}

TEST_CASE("rows of many series in one call come back", "[head]") {
  Head head({.shards = 4});
  std::vector<uint64_t> ids;
  std::vector<uint32_t> counts;
  std::vector<int64_t> times;
  std::vector<encoding::ScaledValue> values;
  for (uint64_t id = 1; id <= 1000; ++id) {
    ids.push_back(id * 7);
    counts.push_back(id % 4);
    for (uint32_t i = 0; i < id % 4; ++i) {
      times.push_back(kNow + i * 10);
      values.push_back({id * 10 + i, 0});
    }
  }
  const HeadAppendResult result = head.Append({ids, counts, times, values});
  CHECK(result.stored == 1500);
  CHECK(result.late == 0);
  CHECK(result.opened_days.size() == 750);
  const HeadView view = head.View();
  CHECK(view.SeriesIds().size() == 750);
  for (uint64_t id = 1; id <= 1000; ++id) {
    const model::SampleColumns got = ReadAll(view, id * 7);
    REQUIRE(got.size() == id % 4);
    for (size_t i = 0; i < got.size(); ++i) {
      REQUIRE(got.timestamps_ms[i] == kNow + static_cast<int64_t>(i) * 10);
      REQUIRE(got.values[i] == static_cast<double>(id * 10 + i));
    }
  }
}

TEST_CASE("a retried row is dropped and a changed value is kept", "[head]") {
  Head head({});
  CHECK(Append(head, {{1, kNow, 5}}).stored == 1);
  CHECK(Append(head, {{1, kNow, 5}}).duplicates == 1);
  CHECK(Append(head, {{1, kNow, 6}}).stored == 1);
  CHECK(ReadAll(head.View(), 1).values == std::vector<double>{6, 5});
  CHECK(head.Stats().samples == 2);
}

TEST_CASE("late rows are kept, counted, and ask for a flush at their bound",
          "[head]") {
  Head head({.late_samples_per_series_max = 3});
  Append(head, {{1, kNow, 1}});
  CHECK_FALSE(Append(head, {{1, kNow - 1, 2}}).late_series_full);
  CHECK_FALSE(Append(head, {{1, kNow - 9, 3}}).late_series_full);
  const HeadAppendResult last = Append(head, {{1, kNow - 5, 4}});
  CHECK(last.late_series_full);
  CHECK_FALSE(last.late_full);
  CHECK(last.late == 1);
  CHECK(head.Stats().late_samples == 3);
  CHECK(ReadAll(head.View(), 1).values == std::vector<double>{3, 4, 2, 1});
  CHECK(ReadAll(head.View(), 1, {kNow - 5, kNow - 1}).values ==
        std::vector<double>{4, 2});

  Head small({.late_samples_max = 2});
  Append(small, {{1, kNow, 1}, {2, kNow, 1}});
  CHECK_FALSE(Append(small, {{1, kNow - 1, 2}}).late_full);
  CHECK(Append(small, {{2, kNow - 1, 2}}).late_full);
}

TEST_CASE("timestamps at the ends of int64 are kept", "[head]") {
  Head head({});
  const int64_t most = std::numeric_limits<int64_t>::max();
  const int64_t least = std::numeric_limits<int64_t>::min();
  Append(head, {{1, most, 1}, {1, least, 2}, {1, 0, 3}, {1, -1, 4}});
  const model::SampleColumns got = ReadAll(head.View(), 1);
  CHECK(got.timestamps_ms == std::vector<int64_t>{least, -1, 0, most});
  CHECK(got.values == std::vector<double>{2, 4, 3, 1});
}

TEST_CASE("the first row of all may be at timestamp 0", "[head]") {
  Head head({});
  Append(head, {{1, 0, 5}, {2, 0, 7}, {1, 15'000, 6}});
  const model::SampleColumns got = ReadAll(head.View(), 1);
  CHECK(got.timestamps_ms == std::vector<int64_t>{0, 15'000});
  CHECK(got.values == std::vector<double>{5, 6});
  CHECK(ReadAll(head.View(), 2).values == std::vector<double>{7});
}

TEST_CASE("each day of a series is told", "[head]") {
  Head head({});
  const int64_t day_start = kNow / model::kDayMs * model::kDayMs;
  const int32_t day = model::DayOf(day_start);
  const HeadAppendResult result =
      Append(head, {{1, day_start - 1, 1},
                    {1, day_start, 2},
                    {1, day_start + 1, 3},
                    {2, day_start, 4},
                    {1, day_start - 2 * model::kDayMs, 5},
                    {1, day_start - 2 * model::kDayMs + 1, 6}});
  CHECK(result.opened_days == std::vector<SeriesDay>{
                                  {1, day - 1},
                                  {1, day},
                                  {2, day},
                                  {1, day - 2},
                              });
  CHECK(Append(head, {{1, day_start + 2, 7}}).opened_days.empty());
  head.Cut();
  CHECK(Append(head, {{1, day_start + 3, 8}}).opened_days ==
        std::vector<SeriesDay>{{1, day}});
}

TEST_CASE("a cut keeps the old samples readable until they are dropped",
          "[head]") {
  Head head({}, 41);
  Append(head, {{1, kNow, 1}, {2, kNow, 2}});
  const auto frozen = head.Cut();
  CHECK(frozen->number() == 41);
  CHECK(head.active_generation() == 42);
  Append(head, {{1, kNow + 5, 3}});

  CHECK(frozen->SeriesIds() == std::vector<uint64_t>{1, 2});
  CHECK(frozen->Stats().samples == 2);
  CHECK(head.ActiveStats().samples == 1);
  CHECK(head.Stats().samples == 3);
  CHECK(head.View().SeriesIds() == std::vector<uint64_t>{1, 2});
  CHECK(ReadAll(head.View(), 1).values == std::vector<double>{1, 3});

  const HeadView before = head.View();
  head.Drop(41);
  head.Drop(42);  // the active one stays
  CHECK(ReadAll(head.View(), 1).values == std::vector<double>{3});
  CHECK(ReadAll(before, 1).values == std::vector<double>{1, 3});
  CHECK(head.Stats().samples == 1);
}

TEST_CASE("series of any length are prefetched, deleted and unknown ones too",
          "[head]") {
  Head head({.shards = 4}, 1);
  constexpr uint64_t kSeries = 500;
  // Series 1 has no blocks yet, the longest has many; one that is emptied
  // leaves its blocks to the next.
  for (uint64_t id = 1; id <= kSeries; ++id) {
    for (uint64_t i = 0; i < id; ++i) {
      Append(head, {{id, kNow + static_cast<int64_t>(i) * 15'000,
                     static_cast<double>(i * i * id % 1013)}});
    }
    if (id % 50 == 0) head.Delete({&id, 1}, kAlways);
  }
  std::vector<uint64_t> ids;
  for (uint64_t id = 0; id <= kSeries + 100; ++id) ids.push_back(id);
  const auto frozen = head.Cut();
  frozen->Prefetch(ids);
  frozen->Prefetch({});
  model::SampleColumns columns;
  for (uint64_t id = 1; id <= kSeries; ++id) {
    columns.clear();
    frozen->Read(id, kAlways, columns);
    REQUIRE(columns.size() == (id % 50 == 0 ? 0 : id));
    for (uint64_t i = 0; i < columns.size(); ++i) {
      REQUIRE(columns.values[i] == static_cast<double>(i * i * id % 1013));
    }
  }
}

TEST_CASE("a series of few samples costs at most 250 bytes", "[head]") {
  Head head({});
  const int64_t before = head.Stats().bytes;
  for (int scrape = 0; scrape < 4; ++scrape) {
    std::vector<Row> rows;
    for (uint64_t id = 1; id <= 20'000; ++id) {
      rows.push_back({id, kNow + scrape * 15'000 + scrape % 2,
                      static_cast<double>(id * 100 + scrape)});
    }
    Append(head, rows);
  }
  const HeadStats stats = head.Stats();
  CHECK(stats.series == 20'000);
  CHECK(stats.samples == 80'000);
  CHECK(stats.min_ms == kNow);
  CHECK(stats.max_ms == kNow + 45'001);
  CHECK((stats.bytes - before) / stats.series <= 250);
}

TEST_CASE("random rows in any order match a plain list", "[head]") {
  std::mt19937_64 random(20261120);
  Head head({.shards = 2});
  std::unordered_map<uint64_t, model::SampleColumns> expected;
  for (int batch = 0; batch < 200; ++batch) {
    std::vector<Row> rows;
    for (int i = 0; i < 50; ++i) {
      const uint64_t id = random() % 20 + (random() % 2 << 40);
      const Row row = {id, kNow + static_cast<int64_t>(random() % 500),
                       static_cast<double>(random() % 5)};
      rows.push_back(row);
      expected[id].push_back(row.timestamp_ms, row.value);
    }
    Append(head, rows);
    if (batch % 50 == 49) head.Cut();
  }
  const HeadView view = head.View();
  for (auto& [id, columns] : expected) {
    model::SortAndDedup(columns, {.interval_ms = 0, .keep_all = true});
    const model::SampleColumns got = ReadAll(view, id);
    REQUIRE(got.timestamps_ms == columns.timestamps_ms);
    REQUIRE(got.values == columns.values);
  }
}

TEST_CASE("a delete removes in-order and late samples of its range", "[head]") {
  Head head({.shards = 2});
  for (int64_t i = 0; i < 100; ++i) {
    const auto value = static_cast<double>(i);
    Append(head, {{1, kNow + i * 10, value}, {2, kNow + i * 10, value}});
  }
  Append(head, {{1, kNow + 5, -1}, {1, kNow + 505, -2}});
  const std::vector<uint64_t> ids = {1, 777};
  const HeadView before = head.View();
  CHECK(head.Delete(ids, {kNow + 100, kNow + 899}) == 81);
  CHECK(head.Delete(ids, {kNow + 100, kNow + 899}) == 0);
  const model::SampleColumns got = ReadAll(before, 1);
  REQUIRE(got.size() == 21);
  CHECK(got.values[1] == -1);
  CHECK(got.values[10] == 9);
  CHECK(got.values[11] == 90);
  CHECK(ReadAll(before, 2).size() == 100);
  CHECK(head.Stats().samples == 121);
  CHECK(head.Stats().late_samples == 1);

  // What arrives afterwards is seen, in the range or not.
  Append(head, {{1, kNow + 500, 7}, {1, kNow + 2000, 8}});
  CHECK(ReadAll(head.View(), 1, {kNow + 100, kNow + 899}).values ==
        std::vector<double>{7});
  CHECK(head.Delete(ids, kAlways) == 23);
  CHECK(ReadAll(head.View(), 1).empty());
  Append(head, {{1, kNow, 9}});
  CHECK(ReadAll(head.View(), 1).values == std::vector<double>{9});
}

TEST_CASE("what is written after a delete opens its day again", "[head]") {
  Head head({});
  const std::vector<uint64_t> ids = {1};
  CHECK(Append(head, {{1, kNow, 1}}).opened_days.size() == 1);
  CHECK(Append(head, {{1, kNow + 1, 1}}).opened_days.empty());
  head.Delete(ids, kAlways);
  CHECK(Append(head, {{1, kNow + 2, 1}}).opened_days.size() == 1);
}

TEST_CASE("a delete leaves frozen generations alone", "[head]") {
  Head head({});
  Append(head, {{1, kNow, 1}});
  head.Cut();
  Append(head, {{1, kNow + 1, 2}});
  const std::vector<uint64_t> ids = {1};
  CHECK(head.Delete(ids, kAlways) == 1);
  CHECK(ReadAll(head.View(), 1).values == std::vector<double>{1});
}

TEST_CASE("deleting again and again does not grow the head", "[head]") {
  Head head({.shards = 1});
  const std::vector<uint64_t> ids = {1};
  int64_t bytes = 0;
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 1000; ++i) {
      Append(head, {{1, kNow + i * 10, static_cast<double>(i * i % 777)}});
    }
    CHECK(head.Delete(ids, kAlways) == 1000);
    if (round == 0) bytes = head.Stats().bytes;
  }
  // But for a time column each.
  CHECK(head.Stats().bytes < bytes + 100 * 64);
}

TEST_CASE("parts of a record together are the record", "[head]") {
  constexpr size_t kParts = 3;
  std::vector<uint64_t> ids;
  std::vector<encoding::ScaledValue> values;
  for (uint64_t id = 1; id <= 2000; ++id) {
    ids.push_back(id);
    values.push_back({id, 0});
  }
  const std::vector<uint32_t> counts(ids.size(), 1);
  Head head({.shards = 8});
  std::vector<std::thread> threads;
  std::atomic<int64_t> stored = 0;
  for (size_t part = 0; part < kParts; ++part) {
    threads.emplace_back([&, part] {
      for (int i = 0; i < 20; ++i) {
        const std::vector<int64_t> times(ids.size(), kNow + i);
        stored +=
            head.AppendPart({ids, counts, times, values}, part, kParts).stored;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(stored == 40'000);
  CHECK(head.Stats().late_samples == 0);
  for (const uint64_t id : ids) {
    const model::SampleColumns got = ReadAll(head.View(), id);
    REQUIRE(got.size() == 20);
    REQUIRE(got.values.back() == static_cast<double>(id));
  }
}

TEST_CASE("readers see whole prefixes while writers append", "[head]") {
  Head head({.shards = 2});
  constexpr int kSamples = 2000;
  constexpr uint64_t kWriters = 3;
  std::atomic<uint64_t> running = kWriters;
  std::vector<std::thread> threads;
  for (uint64_t id = 1; id <= kWriters; ++id) {
    threads.emplace_back([&head, &running, id] {
      for (int i = 0; i < kSamples; ++i) {
        Append(head, {{id, kNow + i, static_cast<double>(i)}});
      }
      --running;
    });
  }
  bool whole = true;
  do {
    const HeadView view = head.View();
    for (uint64_t id = 1; id <= kWriters; ++id) {
      const model::SampleColumns got = ReadAll(view, id);
      for (size_t i = 0; i < got.size(); ++i) {
        whole &= got.values[i] == static_cast<double>(i);
      }
    }
    (void)head.Stats();
  } while (running > 0);
  for (std::thread& thread : threads) thread.join();
  CHECK(whole);
  CHECK(head.Stats().samples == kSamples * static_cast<int64_t>(kWriters));
}

}  // namespace
}  // namespace varve::storage
