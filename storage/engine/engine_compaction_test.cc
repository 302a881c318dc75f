// Days that are over: moves, rewrites, crashes between their steps, and what
// searches over many days hold.
#include <algorithm>
#include <atomic>
#include <map>

#include "storage/engine/test_node.h"
#include "tests/support/becomes_true.h"

namespace varve::storage {
namespace {

constexpr int64_t kTargets = 3;
constexpr int64_t kSeriesPerTarget = 4;

struct Node : TestNode {
  std::vector<uint64_t> ids;
  std::map<uint64_t, std::map<int64_t, double>> written;

  Node() {
    options.retention_ms = 1000 * model::kDayMs;
    Open();
    for (int64_t i = 0; i < kTargets * kSeriesPerTarget; ++i) {
      ids.push_back(
          Define({{"__name__", "m" + std::to_string(i % kSeriesPerTarget)},
                  {"i", std::to_string(i / kSeriesPerTarget)}}));
    }
  }
  // Jittered scrapes, equal within a target: their timestamps are shared.
  void Scrape(int64_t from_ms, int64_t scrapes, double salt = 0) {
    for (size_t s = 0; s < ids.size(); ++s) {
      const auto target = static_cast<int64_t>(s) / kSeriesPerTarget;
      model::SampleColumns columns;
      for (int64_t i = 0; i < scrapes; ++i) {
        columns.push_back(from_ms + i * 15'000 + (i * 7 + target) % 5,
                          static_cast<double>(i + target) + salt);
        // Of equal timestamps the larger value is read.
        double& kept = written[ids[s]][columns.timestamps_ms.back()];
        kept = std::max(kept, columns.values.back());
      }
      AppendRecord(Record(ids[s], columns), AckLevel::kMemory);
    }
  }
  absl::StatusOr<std::map<uint64_t, std::map<int64_t, double>>> Search(
      model::TimeRange range = kAllTime) {
    auto cursor = engine->Search({.tenant = kTenant, .range = range});
    if (!cursor.ok()) return cursor.status();
    std::map<uint64_t, std::map<int64_t, double>> out;
    SearchSeries series;
    while (true) {
      const auto more = (*cursor)->Next(series);
      if (!more.ok()) return more.status();
      if (!*more) break;
      for (size_t i = 0; i < series.samples.size(); ++i) {
        out[series.id][series.samples.timestamps_ms[i]] =
            series.samples.values[i];
      }
    }
    if (!(*cursor)->complete()) return absl::DataLossError("incomplete");
    return out;
  }
  void CheckAll() {
    const auto got = Search();
    INFO(got.status());
    REQUIRE(got.ok());
    CHECK(*got == written);
  }
};

TEST_CASE("a day that is over moves, and answers stay", "[engine]") {
  Node node;
  node.Scrape(kNowMs, 100);
  REQUIRE(node.engine->Flush().ok());
  node.Scrape(kNowMs + 50 * 15'000, 100, 0.5);  // half of it over the first
  REQUIRE(node.engine->Flush().ok());
  node.CheckAll();
  node.clock.Advance(4 * model::kDayMs);
  REQUIRE(node.engine->CompactDays().ok());
  node.CheckAll();
  // Late for the moved day: in `closed` at once.
  node.Scrape(kNowMs + 400 * 15'000, 50);
  REQUIRE(node.engine->Flush().ok());
  node.CheckAll();
  node.Open();
  node.CheckAll();
}

TEST_CASE("a crash after any step of a move loses nothing", "[engine]") {
  for (const CompactionStep at :
       {CompactionStep::kClosing, CompactionStep::kMoved}) {
    CAPTURE(static_cast<int>(at));
    Node node;
    node.Scrape(kNowMs, 100);
    REQUIRE(node.engine->Flush().ok());
    node.clock.Advance(4 * model::kDayMs);
    node.options.compaction_hook = [at](CompactionStep step) {
      return step != at;
    };
    node.Open();
    CHECK(absl::IsAborted(node.engine->CompactDays()));
    node.CheckAll();
    // Late samples pass the family by.
    node.Scrape(kNowMs + 200 * 15'000, 50);
    REQUIRE(node.engine->Flush().ok());
    node.CheckAll();
    node.options.compaction_hook = nullptr;
    node.Open();
    node.CheckAll();
    REQUIRE(node.engine->CompactDays().ok());
    node.CheckAll();
    node.Open();
    node.CheckAll();
  }
}

TEST_CASE("late samples of a closed day are joined when no more come",
          "[engine]") {
  Node node;
  node.Scrape(kNowMs, 100);
  REQUIRE(node.engine->Flush().ok());
  node.clock.Advance(4 * model::kDayMs);
  REQUIRE(node.engine->CompactDays().ok());
  for (int64_t i = 1; i < 6; ++i) {
    node.Scrape(kNowMs + i * 100 * 15'000, 100);
    REQUIRE(node.engine->Flush().ok());
  }
  int rewritten = 0;
  node.options.compaction_hook = [&rewritten](CompactionStep step) {
    rewritten += step == CompactionStep::kRewritten ? 1 : 0;
    return true;
  };
  node.Open();
  REQUIRE(node.engine->CompactDays().ok());
  CHECK(rewritten == 0);  // more may come
  node.clock.Advance(2 * 3'600'000);
  REQUIRE(node.engine->CompactDays().ok());
  CHECK(rewritten == 1);
  node.CheckAll();
  node.clock.Advance(2 * 3'600'000);
  REQUIRE(node.engine->CompactDays().ok());
  CHECK(rewritten == 1);
  node.Open();
  node.CheckAll();
}

TEST_CASE("a forced merge rewrites the days of its prefix", "[engine][slow]") {
  Node node;
  std::atomic<int> rewritten{0};
  node.options.compaction_hook = [&rewritten](CompactionStep step) {
    rewritten += step == CompactionStep::kRewritten ? 1 : 0;
    return true;
  };
  node.Open();
  for (int64_t i = 1; i < 4; ++i) {  // a backfill of September
    node.Scrape(kNowMs - 60 * model::kDayMs, 100, static_cast<double>(i));
    REQUIRE(node.engine->Flush().ok());
  }
  REQUIRE(node.engine->ForceMerge("2026_11").ok());
  REQUIRE(node.engine->ForceMerge("2026_09").ok());
  REQUIRE(tests::BecomesTrue([&] { return rewritten > 0; }));
  REQUIRE(node.engine->CompactDays().ok());  // waits for it
  CHECK(rewritten == 1);
  node.CheckAll();
}

TEST_CASE("a search over years opens few iterators and sees all", "[engine]") {
  Node node;
  for (int64_t day = 0; day < 400; day += 8) {
    node.Scrape(kNowMs - day * model::kDayMs, 12);
  }
  REQUIRE(node.engine->Flush().ok());
  node.CheckAll();
  for (const int64_t from : {50, 200, 399}) {
    const model::TimeRange range = {kNowMs - from * model::kDayMs,
                                    kNowMs - 30 * model::kDayMs};
    std::map<uint64_t, std::map<int64_t, double>> want;
    for (const auto& [id, samples] : node.written) {
      for (const auto& [at, value] : samples) {
        if (range.Contains(at)) want[id][at] = value;
      }
    }
    const auto got = node.Search(range);
    REQUIRE(got.ok());
    CHECK(*got == want);
  }
}

TEST_CASE("a search above the memory of searches fails and names the flag",
          "[engine]") {
  Node node;
  node.Scrape(kNowMs, 1000);
  REQUIRE(node.engine->Flush().ok());
  node.options.search_bytes_max = 8 << 10;
  node.Open();
  const auto got = node.Search();
  REQUIRE(absl::IsResourceExhausted(got.status()));
  CHECK(std::string(got.status().message()).find("-search.maxStorageMemory") !=
        std::string::npos);
  CHECK(node.engine->Stats().search_bytes == 0);  // given back
  node.options.search_bytes_max = 0;
  node.Open();
  node.CheckAll();
}

TEST_CASE("who repairs reads past the caches, in memory of its own",
          "[engine]") {
  Node node;
  for (int64_t i = 0; i < 200; ++i) node.Scrape(kNowMs + i * 1000, 300, 0.1 * i);
  REQUIRE(node.engine->Flush().ok());
  node.options.search_bytes_max = 8 << 10;
  node.Open();
  const auto read = [&node](bool of_query) {
    const auto cursor = node.engine->Search(
        {.tenant = kTenant, .range = kAllTime, .of_query = of_query});
    REQUIRE(cursor.ok());
    SearchSeries series;
    while (true) {
      const auto more = (*cursor)->Next(series);
      if (!more.ok()) return more.status();
      const EngineStats stats = node.engine->Stats();
      CHECK((stats.search_bytes > 0) == of_query);
      CHECK((stats.repair_bytes > 0) != of_query);
      if (!*more) return absl::OkStatus();
    }
  };
  // The first one opens the tables.
  REQUIRE(read(/*of_query=*/false).ok());
  CHECK(node.engine->Stats().repair_bytes == 0);  // given back
  const EngineStats opened = node.engine->Stats();
  CHECK(opened.label_page_bytes == 0);
  REQUIRE(read(false).ok());
  CHECK(node.engine->Stats().cache_bytes <= opened.cache_bytes);
  CHECK(absl::IsResourceExhausted(read(/*of_query=*/true)));
  node.options.search_bytes_max = 0;
  node.Open();
  REQUIRE(read(true).ok());
  const EngineStats after = node.engine->Stats();
  CHECK(after.label_page_bytes > 0);
  CHECK(after.cache_bytes > opened.cache_bytes);
}

}  // namespace
}  // namespace varve::storage
