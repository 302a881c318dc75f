// Flushes: whole, cut short, beside searches, on a full disk.
#include <atomic>
#include <thread>

#include "storage/engine/test_node.h"

namespace varve::storage {
namespace {

using model::LabelSet;
using model::SampleColumns;

const LabelSet kUp = {{"__name__", "up"}, {"job", "a"}};
const LabelSet kDown = {{"__name__", "down"}, {"job", "b"}};

TEST_CASE("a flush changes no answer, before or after a restart", "[engine]") {
  TestNode node;
  node.Open();
  const uint64_t up = node.Define(kUp);
  const uint64_t down = node.Define(kDown);
  const SampleColumns old_days = Samples({{kNowMs - 20 * model::kDayMs, 7},
                                          {kNowMs - model::kDayMs, 8},
                                          {kNowMs, 9}});
  node.Append(up, old_days);
  node.Append(down, Samples({{kNowMs, -0.0}}));
  REQUIRE(node.engine->PutState("missed/x", "m").ok());
  REQUIRE(node.engine->Flush().ok());
  CHECK(node.engine->Stats().head_samples == 0);
  CHECK(node.engine->Stats().data_rows == 4);
  CheckSame(node.Search()["up{job=\"a\"}"], old_days);
  node.Append(up, Samples({{kNowMs + 1, 10}, {kNowMs - 5, 11}}));
  const SampleColumns all = Samples({{kNowMs - 20 * model::kDayMs, 7},
                                     {kNowMs - model::kDayMs, 8},
                                     {kNowMs - 5, 11},
                                     {kNowMs, 9},
                                     {kNowMs + 1, 10}});
  CheckSame(node.Search()["up{job=\"a\"}"], all);
  node.Open();
  CheckSame(node.Search()["up{job=\"a\"}"], all);
  CheckSame(node.Search()["down{job=\"b\"}"], Samples({{kNowMs, -0.0}}));
  CHECK(node.engine->ListState("missed/")->size() == 1);
  REQUIRE(node.engine->Flush().ok());
  node.Open();
  CheckSame(node.Search()["up{job=\"a\"}"], all);
  CHECK(node.engine->Stats().head_samples == 0);
}

TEST_CASE("a crash after any step of a flush loses nothing", "[engine]") {
  for (const FlushStep step : {FlushStep::kCut, FlushStep::kIndexed,
                               FlushStep::kIngested, FlushStep::kDropped}) {
    CAPTURE(static_cast<int>(step));
    TestNode node;
    node.options.flush_hook = [step](FlushStep at) { return at != step; };
    node.Open();
    const uint64_t id = node.Define(kUp);
    const SampleColumns samples = Samples({{kNowMs - 1, 1}, {kNowMs, 2}});
    node.Append(id, samples);
    CHECK(absl::IsAborted(node.engine->Flush()));
    CheckSame(node.Search().begin()->second, samples);
    node.options.flush_hook = nullptr;
    node.Open();
    CheckSame(node.Search().begin()->second, samples);
    node.Append(id, Samples({{kNowMs + 1, 3}}));
    REQUIRE(node.engine->Flush().ok());
    node.Open();
    CheckSame(node.Search().begin()->second,
              Samples({{kNowMs - 1, 1}, {kNowMs, 2}, {kNowMs + 1, 3}}));
  }
}

TEST_CASE("a flush that failed is made up by the next", "[engine]") {
  TestNode node;
  int failures = 1;
  node.options.flush_hook = [&](FlushStep at) {
    return at != FlushStep::kIndexed || failures-- <= 0;
  };
  node.Open();
  const uint64_t id = node.Define(kUp);
  node.Append(id, Samples({{kNowMs, 1}}));
  CHECK_FALSE(node.engine->Flush().ok());
  node.Append(id, Samples({{kNowMs + 1, 2}}));
  CHECK(node.engine->Flush().ok());
  CHECK(node.engine->Flush().ok());
  CHECK(node.engine->Stats().head_samples == 0);
  node.Open();
  CheckSame(node.Search().begin()->second,
            Samples({{kNowMs, 1}, {kNowMs + 1, 2}}));
}

TEST_CASE("searches of the last minutes need no blocks after a flush",
          "[engine]") {
  TestNode node;
  node.Open();
  const uint64_t id = node.Define(kUp);
  const auto recent = [&node](int64_t back_ms) {
    return node.Search({}, kTenant, {kNowMs - back_ms, kNowMs})
        .begin()
        ->second.values;
  };
  const auto without_blocks = [&node] {
    return node.engine->Stats().searches_without_blocks;
  };
  SampleColumns samples;
  for (int64_t i = 120; i > 0; --i) {
    samples.push_back(kNowMs - i * 15'000, static_cast<double>(i));
  }
  node.Append(id, samples);
  REQUIRE(node.engine->Flush().ok());
  node.Append(id, Samples({{kNowMs, 0}}));
  CHECK(recent(300'000).size() == 21);
  CHECK(without_blocks() == 1);
  CHECK(recent(600'000).size() == 41);
  CHECK(without_blocks() == 1);
  CHECK(node.engine->Stats().head_tail_bytes > 0);

  // What has been in blocks since before the start is asked from blocks.
  node.Open();
  CHECK(recent(300'000).size() == 21);
  CHECK(without_blocks() == 0);
  CHECK(recent(14'999).size() == 1);
  CHECK(without_blocks() == 1);
}

TEST_CASE("a full disk does not keep the log that a flush wrote", "[engine]") {
  TestNode node;
  node.options.file_system = &node.disk;
  node.Open();
  const uint64_t id = node.Define(kUp);
  node.Append(id, Samples({{kNowMs, 1}}));
  node.Open();  // what was written is a closed segment now
  node.Append(id, Samples({{kNowMs + 1, 2}}));
  const int64_t before = node.engine->Stats().wal_bytes;
  node.disk.LimitBytes(0);
  CHECK(absl::IsResourceExhausted(node.engine->Flush()));
  const int64_t after = node.engine->Stats().wal_bytes;
  CHECK(after < before);
  // Room again, and nothing new to flush: the rest of the log goes too.
  node.disk.LimitBytes(-1);
  CHECK(node.engine->Flush().ok());
  CHECK(node.engine->Stats().wal_bytes < after);
  node.Open();
  CheckSame(node.Search().begin()->second,
            Samples({{kNowMs, 1}, {kNowMs + 1, 2}}));
}

TEST_CASE("an old open day moves to the closed ones", "[engine]") {
  TestNode node;
  node.Open();
  const uint64_t id = node.Define(kUp);
  const SampleColumns samples = Samples({{kNowMs, 1}, {kNowMs + 1, 2}});
  node.Append(id, samples);
  REQUIRE(node.engine->Flush().ok());
  node.clock.Advance(4 * model::kDayMs);
  // Late for a day that is still open on disk, then a new one.
  node.Append(id, Samples({{kNowMs + 2, 3}}));
  REQUIRE(node.engine->Flush().ok());
  REQUIRE(node.engine->ApplyRetention().ok());
  CheckSame(node.Search().begin()->second,
            Samples({{kNowMs, 1}, {kNowMs + 1, 2}, {kNowMs + 2, 3}}));
  CHECK(node.engine->Stats().data_rows == 3);
}

TEST_CASE("searches stay whole while writes and flushes go on", "[engine]") {
  TestNode node;
  node.Open();
  std::vector<uint64_t> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(node.Define({{"__name__", "m"}, {"i", std::to_string(i)}}));
  }
  constexpr int kRounds = 60;
  std::atomic<int> acknowledged{0};
  std::atomic<int> refused{0};  // Catch2 checks on one thread only
  std::thread writer([&] {
    for (int round = 1; round <= kRounds; ++round) {
      for (const uint64_t id : ids) {
        refused +=
            !node.TryAppend(id, Samples({{kNowMs + round, 1.0 * round}})).ok();
      }
      acknowledged = round;
    }
  });
  std::thread flusher([&] {
    while (acknowledged < kRounds) (void)node.engine->Flush();
  });
  while (acknowledged < kRounds) {
    const int before = acknowledged;
    if (before == 0) continue;
    const auto found = node.Search();
    CHECK(found.size() == ids.size());
    for (const auto& [name, samples] : found) {
      CHECK(samples.size() >= static_cast<size_t>(before));
    }
  }
  writer.join();
  flusher.join();
  CHECK(refused == 0);
  const auto found = node.Search();
  CHECK(found.size() == ids.size());
  for (const auto& [name, samples] : found) CHECK(samples.size() == kRounds);
}

TEST_CASE("a dropped state stays dropped after a crash at any step of a flush",
          "[engine]") {
  for (const int step : {-1, 0, 1, 2, 3}) {
    CAPTURE(step);
    TestNode node;
    node.Open();
    const auto kept = [&node] {
      std::string keys;
      const auto list = node.engine->ListState("missed/");
      for (const auto& [key, value] : *list) keys += key.back();
      return keys;
    };
    REQUIRE(node.engine->PutState("missed/a", "1").ok());
    REQUIRE(node.engine->PutState("missed/b", "1").ok());
    REQUIRE(node.engine->Flush().ok());
    const uint64_t version = node.engine->coverage_version();
    REQUIRE(node.engine->DropState("missed/a").ok());
    CHECK(node.engine->coverage_version() != version);
    REQUIRE(node.engine->DropState("missed/never").ok());
    CHECK(kept() == "b");
    node.options.flush_hook = [step](FlushStep at) {
      return static_cast<int>(at) != step;
    };
    node.Open();
    CHECK(kept() == "b");
    CHECK(node.engine->Flush().ok() == (step < 0));
    CHECK(kept() == "b");
    node.options.flush_hook = nullptr;
    node.Open();
    CHECK(kept() == "b");
    // It may come again, before and after its row is gone.
    REQUIRE(node.engine->PutState("missed/a", "2").ok());
    node.Open();
    CHECK(kept() == "ab");
    REQUIRE(node.engine->Flush().ok());
    node.Open();
    CHECK(kept() == "ab");
  }
}

}  // namespace
}  // namespace varve::storage
