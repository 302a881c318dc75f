#include "storage/head/head_tail.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "storage/head/head.h"

namespace varve::storage {
namespace {

constexpr model::TimeRange kAlways = {INT64_MIN, INT64_MAX};
constexpr int64_t kNow = 1'780'000'000'000;
constexpr int64_t kMinute = 60'000;

void Append(Head& head, uint64_t id, int64_t timestamp_ms, double value) {
  const uint32_t count = 1;
  const encoding::ScaledValue scaled = encoding::ToScaled(value);
  head.Append({.series_ids = {&id, 1},
               .counts = {&count, 1},
               .timestamps_ms = {&timestamp_ms, 1},
               .values = {&scaled, 1}});
}

// As a flush does.
void FlushAllBut(Head& head, int64_t tail_from_ms) {
  const std::shared_ptr<const HeadGeneration> frozen = head.Cut();
  HeadTailBuilder tail = head.NewTail(*frozen, tail_from_ms);
  model::SampleColumns samples;
  for (const uint64_t id : frozen->SeriesIds()) {
    samples.clear();
    frozen->Read(id, kAlways, samples);
    model::SortAndDedup(samples, {.interval_ms = 0, .keep_all = true});
    tail.Add(id, samples);
  }
  head.Drop(frozen->number(), std::move(tail));
}

// A sample a minute in [from, to).
void Fill(Head& head, uint64_t id, int64_t from, int64_t to) {
  for (int64_t i = from; i < to; ++i) {
    Append(head, id, kNow + i * kMinute, static_cast<double>(i));
  }
}

std::vector<double> ReadFrom(const HeadView& view, uint64_t id,
                             int64_t start_ms) {
  model::SampleColumns samples;
  view.Read(id, {start_ms, INT64_MAX}, samples);
  model::SortAndDedup(samples, {.interval_ms = 0, .keep_all = true});
  return samples.values;
}

TEST_CASE("samples of a tail come back by range", "[head]") {
  const uint64_t seed = 20261121;
  std::mt19937_64 random(seed);
  CAPTURE(seed);
  HeadTailBuilder builder(7, kNow - 1, INT64_MAX);
  std::vector<model::SampleColumns> all(300);
  // As keys have them: by metric, not by id.
  for (uint64_t n = 0; n < all.size(); ++n) {
    const uint64_t id = n * 7 % all.size();
    for (size_t i = 0; i < 1 + id % 30; ++i) {
      all[id].push_back(kNow + static_cast<int64_t>(i) * 15'000 +
                            static_cast<int64_t>(i * i % 5 + id % 3),
                        id % 4 == 0 ? 5 : static_cast<double>(random() % 1000));
    }
    if (id % 5 == 0) {  // two at one time
      all[id].push_back(all[id].timestamps_ms.back(), -1);
    }
    builder.Add(id * 3, all[id]);
  }
  const HeadTail tail = builder.Finish();
  CHECK(tail.generation() == 7);
  const HeadTail later = tail.From(kNow + 100'000);
  for (uint64_t id = 0; id < all.size(); ++id) {
    model::SampleColumns got;
    REQUIRE(tail.Read(id * 3, kAlways, got));
    REQUIRE(got.timestamps_ms == all[id].timestamps_ms);
    REQUIRE(got.values == all[id].values);
    got.clear();
    model::SampleColumns of_later;
    tail.Read(id * 3, {kNow + 100'000, INT64_MAX}, got);
    later.Read(id * 3, kAlways, of_later);
    REQUIRE(got.timestamps_ms == of_later.timestamps_ms);
    REQUIRE_FALSE(tail.Read(id * 3 + 1, kAlways, got));
  }
}

TEST_CASE("a tail begins at its time, and a series may come in parts",
          "[head]") {
  HeadTailBuilder builder(1, kNow + kMinute, INT64_MAX);
  model::SampleColumns samples;
  for (int64_t i = 0; i < 3; ++i) {
    samples.push_back(kNow + i * kMinute, static_cast<double>(i));
  }
  builder.Add(2, samples);
  builder.Add(1, samples);
  samples.clear();
  samples.push_back(kNow, 10);
  builder.Add(3, samples);
  samples.push_back(kNow + 3 * kMinute, 11);
  builder.Add(2, samples);

  const HeadTail tail = builder.Finish();
  samples.clear();
  CHECK(tail.Read(2, kAlways, samples));
  CHECK(samples.values == std::vector<double>{1, 2, 11});
  CHECK(tail.max_ms() == kNow + 3 * kMinute);
  samples.clear();
  CHECK_FALSE(tail.Read(3, kAlways, samples));
  CHECK(tail.From(kNow + 3 * kMinute).Read(2, kAlways, samples));
  CHECK(samples.values == std::vector<double>{11});
}

TEST_CASE("a series is found among ids with and without gaps, in parts too",
          "[head]") {
  std::mt19937_64 random(5);
  for (const uint64_t gap : {1, 2, 90}) {
    CAPTURE(gap);
    HeadTailBuilder builder(1, kNow, INT64_MAX);
    std::vector<std::pair<uint64_t, double>> parts;
    uint64_t id = 1000;
    for (int i = 0; i < 500; ++i) {
      id += i % 100 == 99 ? 5000 : 1 + random() % gap;
      for (uint64_t n = random() % 20 == 0 ? 30 : 1; n > 0; --n) {
        parts.emplace_back(id, static_cast<double>(parts.size()));
      }
    }
    for (const auto& [series_id, value] : parts) {
      model::SampleColumns one;
      one.push_back(kNow, value);
      builder.Add(series_id, one);
    }
    const HeadTail tail = builder.Finish();
    for (uint64_t asked = 990; asked < id + 10; ++asked) {
      std::vector<double> wanted;
      const auto from = std::lower_bound(parts.begin(), parts.end(),
                                         std::pair(asked, -1.0));
      for (auto it = from; it != parts.end() && it->first == asked; ++it) {
        wanted.push_back(it->second);
      }
      CAPTURE(asked);
      model::SampleColumns got;
      REQUIRE(tail.Read(asked, kAlways, got) == !wanted.empty());
      REQUIRE(got.values == wanted);
    }
  }
}

TEST_CASE("a series' tail of six minutes at 15 s takes 70 bytes", "[head]") {
  HeadTailBuilder builder(1, kNow, INT64_MAX);
  std::mt19937_64 random(1);
  model::SampleColumns samples;
  for (uint64_t id = 0; id < 10'000; ++id) {
    samples.clear();
    double value = 1e6;
    for (int i = 0; i < 24; ++i) {
      if (id % 3 != 0) value += static_cast<double>(random() % 1000);
      samples.push_back(kNow + i * 15'000 + i * i % 7, value);
    }
    builder.Add(id, samples);
  }
  CHECK(builder.Finish().bytes() / 10'000 <= 80);
}

TEST_CASE("after a flush the last minutes need no blocks", "[head]") {
  Head head({}, 1, kNow);
  Fill(head, 1, 0, 60);
  Fill(head, 2, 0, 60);
  Append(head, 2, kNow + 57 * kMinute - 1, -1);  // late
  CHECK(head.View(kNow).covers());
  CHECK_FALSE(head.View(kNow - 1).covers());
  const int64_t from_ms = kNow + 55 * kMinute;
  FlushAllBut(head, from_ms);
  Fill(head, 1, 60, 62);

  const HeadView view = head.View(from_ms);
  CHECK(view.covers());
  CHECK(ReadFrom(view, 1, from_ms) ==
        std::vector<double>{55, 56, 57, 58, 59, 60, 61});
  CHECK(ReadFrom(view, 2, from_ms) ==
        std::vector<double>{55, 56, -1, 57, 58, 59});
  const HeadView older = head.View(from_ms - kMinute);
  CHECK_FALSE(older.covers());
  CHECK(ReadFrom(older, 1, 0) == std::vector<double>{60, 61});
  CHECK(head.Stats().tail_bytes > 0);
  CHECK(head.Stats().samples == 2);

  std::vector<HeadRun> runs;
  model::SampleColumns samples;
  view.Read(1, kAlways, samples, runs);
  REQUIRE(runs.size() == 2);
  CHECK(runs[0].generation == 1);
  CHECK(runs[0].from == 0);
  CHECK(runs[1].generation == 2);
  CHECK(runs[1].from == 5);

  // The next one takes its place.
  Fill(head, 1, 62, 120);
  FlushAllBut(head, kNow + 115 * kMinute);
  CHECK_FALSE(head.View(from_ms).covers());
  CHECK(ReadFrom(head.View(kNow + 115 * kMinute), 1, 0).size() == 5);
}

TEST_CASE("generations flushed within a lookback are all covered", "[head]") {
  Head head({}, 1, kNow);
  for (int64_t i = 0; i < 20; ++i) {
    Fill(head, 1, i, i + 1);
    FlushAllBut(head, kNow + (i - 5) * kMinute);
    const int64_t from_ms = kNow + std::max<int64_t>(0, i - 5) * kMinute;
    const HeadView view = head.View(from_ms);
    REQUIRE(view.covers());
    REQUIRE(ReadFrom(view, 1, from_ms).size() ==
            static_cast<size_t>(std::min<int64_t>(i + 1, 6)));
  }
}

TEST_CASE("a sample of the future is kept, or the blocks are asked", "[head]") {
  Head head({}, 1, kNow);
  Fill(head, 1, 0, 60);
  Append(head, 2, kNow + 1000 * kMinute, 1);
  for (int64_t round = 1; round <= 3; ++round) {
    const int64_t from_ms = kNow + (round * 60 - 5) * kMinute;
    FlushAllBut(head, from_ms);
    CHECK(head.View(from_ms).covers());
    CHECK(ReadFrom(head.View(from_ms), 2, from_ms).size() == 1);
    Fill(head, 1, round * 60, round * 60 + 60);
  }
  head.NeedBlocksUntil(kNow + 2000 * kMinute);
  CHECK_FALSE(head.View(kNow + 2000 * kMinute).covers());
  CHECK(head.View(kNow + 2000 * kMinute + 1).covers());
}

TEST_CASE("a tail over its bound is not kept, and nothing claims it is",
          "[head]") {
  Head head({.tail_bytes_max = 20'000}, 1, kNow);
  for (uint64_t id = 1; id <= 2000; ++id) Fill(head, id, 0, 3);
  FlushAllBut(head, kNow);
  CHECK(head.Stats().tail_bytes == 0);
  CHECK_FALSE(head.View(kNow + 2 * kMinute).covers());
  CHECK(head.View(kNow + 2 * kMinute + 1).covers());
}

TEST_CASE("what is dropped without a tail is left to blocks", "[head]") {
  Head head({}, 1);
  Fill(head, 1, 0, 3);
  CHECK(head.View().covers());
  head.Drop(head.Cut()->number());
  CHECK_FALSE(head.View(kNow + 2 * kMinute).covers());
  CHECK(head.View(kNow + 2 * kMinute + 1).covers());
}

TEST_CASE("a covering view has every row of an append that returned, over cuts "
          "and drops",
          "[head]") {
  Head head({.shards = 2}, 1, kNow);
  constexpr uint64_t kSeries = 200;
  constexpr int64_t kRounds = 400;
  std::atomic<int64_t> appended = 0;
  std::atomic<bool> failed = false;
  // One thread writes and cuts, as the engine's gate has it.
  std::thread writer([&] {
    std::vector<uint64_t> ids;
    for (uint64_t id = 0; id < kSeries; ++id) ids.push_back(id * 7);
    const std::vector<uint32_t> counts(kSeries, 1);
    for (int64_t i = 0; i < kRounds; ++i) {
      const std::vector<int64_t> times(kSeries, kNow + i);
      const std::vector<encoding::ScaledValue> values(
          kSeries, encoding::ToScaled(static_cast<double>(i)));
      head.Append({ids, counts, times, values});
      appended = i + 1;
      if (i % 50 == 49) FlushAllBut(head, kNow);
    }
  });
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&] {
      int64_t whole = 0;
      while (whole < kRounds) {
        whole = appended;
        const HeadView view = head.View(kNow);
        failed = failed || !view.covers();
        for (uint64_t id = 0; id < kSeries; id += 17) {
          const std::vector<double> got = ReadFrom(view, id * 7, kNow);
          failed = failed || static_cast<int64_t>(got.size()) < whole;
          for (size_t i = 0; i < got.size(); ++i) {
            failed = failed || got[i] != static_cast<double>(i);
          }
        }
      }
    });
  }
  writer.join();
  for (std::thread& reader : readers) reader.join();
  CHECK_FALSE(failed);
}

}  // namespace
}  // namespace varve::storage
