// Churn: series come and go with their days.
#include <array>
#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "storage/engine/test_node.h"

namespace varve::storage {
namespace {

using model::LabelSet;
constexpr int64_t kFirstMs = 20'000 * model::kDayMs + 1'000;

struct Node : TestNode {
  Node() {
    options.retention_ms = 3 * model::kDayMs;
    clock.Set(kFirstMs);
    Open();
  }
  AppendResult Append(uint64_t id, int64_t at_ms) {
    return AppendRecord(Record(id, Samples({{at_ms, 1}})), AckLevel::kMemory);
  }
  std::map<std::string, std::vector<int64_t>> Times(const std::string& metric) {
    auto cursor = engine->Search(
        {.tenant = kTenant,
         .matcher_groups = {{{model::MatchType::kEqual, "__name__", metric}}},
         .range = kAllTime});
    REQUIRE(cursor.ok());
    std::map<std::string, std::vector<int64_t>> found;
    SearchSeries series;
    while (*(*cursor)->Next(series)) {
      found[series.labels] = series.samples.timestamps_ms;
    }
    return found;
  }
  void Flush() { REQUIRE(engine->Flush().ok()); }
  void Retain() {
    const absl::Status status = engine->ApplyRetention();
    INFO(status);
    REQUIRE(status.ok());
  }
};

LabelSet Pod(int day, int i) {
  return {{"__name__", "m"},
          {"day", std::to_string(day)},
          {"pod", std::to_string(i)}};
}

TEST_CASE("series of dropped days leave the index, the others stay",
          "[engine]") {
  constexpr int kPods = 200;
  Node node;
  const uint64_t stable = node.Define({{"__name__", "stable"}});
  std::map<int, std::vector<uint64_t>> refs;
  int64_t rows_at_5 = 0;
  for (int day = 0; day < 14; ++day) {
    for (int i = 0; i < kPods; ++i) {
      refs[day].push_back(node.Define(Pod(day, i)));
      node.Append(refs[day].back(), node.clock.NowMs());
    }
    CHECK(node.Append(stable, node.clock.NowMs()).unknown_ref == 0);
    node.Flush();
    node.Retain();
    if (day % 4 == 3) node.Open();
    const auto kept = node.Times("m");
    CHECK(kept.size() == std::min<size_t>(day + 1, 4) * kPods);
    for (const auto& [labels, times] : kept) CHECK(times.size() == 1);
    const EngineStats stats = node.engine->Stats();
    CHECK(stats.index_series <= 5 * kPods + 1);
    if (day == 5) rows_at_5 = stats.index_rows;
    node.clock.Advance(model::kDayMs);
  }
  CHECK(node.engine->Stats().index_series >= 4 * kPods + 1);
  CHECK(node.engine->Stats().index_rows <= 3 * rows_at_5);
  // The clock went on: the oldest of the four is out of retention.
  CHECK(node.Times("stable").begin()->second.size() == 3);

  // An insert still has the ref of a series that is gone.
  CHECK(node.Append(refs[2][7], node.clock.NowMs()).unknown_ref == 1);
  const uint64_t again = node.Define(Pod(2, 7));
  CHECK(again != refs[2][7]);
  CHECK(node.Append(again, node.clock.NowMs()).rows == 1);
  for (int i = 0; i < 2; ++i) {
    CHECK(node.engine
              ->LabelValues({.tenant = kTenant, .range = {0, kFirstMs * 2}},
                            "day")
              ->size() == 4);
    node.Open();
    CHECK(node.Define(Pod(2, 7)) == again);
    node.Flush();
  }
}

TEST_CASE("what the log names is not forgotten, and replays", "[engine]") {
  Node node;
  const uint64_t old = node.Define(Pod(0, 0));
  const uint64_t other = node.Define(Pod(0, 1));
  node.Append(old, node.clock.NowMs());
  node.Append(other, node.clock.NowMs());
  node.Flush();
  node.clock.Advance(6 * model::kDayMs);
  // In the log, but of no day: the row is too old.
  CHECK(node.Append(old, kFirstMs).too_old == 1);
  node.Retain();
  CHECK(node.engine->Stats().index_series == 1);
  CHECK(node.Append(other, node.clock.NowMs()).unknown_ref == 1);
  node.Open();
  CHECK(node.engine->Stats().corrupt_blocks == 0);
  CHECK(node.Define(Pod(0, 0)) == old);
  node.Flush();
  node.Retain();
  node.clock.Advance(model::kDayMs);
  node.Append(node.Define({{"__name__", "x"}}), node.clock.NowMs());
  node.Flush();
  node.Retain();
  CHECK(node.engine->Stats().index_series == 1);
}

TEST_CASE("series of a delete stay until its blocks are rewritten",
          "[engine]") {
  Node node;
  node.options.retention_ms = 100 * model::kDayMs;
  node.Open();
  const uint64_t other = node.Define(Pod(0, 1));
  node.Append(node.Define(Pod(0, 0)), node.clock.NowMs());
  node.Append(other, node.clock.NowMs());
  node.Flush();
  CHECK(node.Delete({{model::MatchType::kEqual, "pod", "0"}}) == 1);
  for (int i = 0; i < 2; ++i) {
    node.Flush();
    node.Retain();
    CHECK(node.engine->Stats().tombstones == 1);
    CHECK(node.engine->Stats().index_series == 2);
    CHECK(node.Times("m").size() == 1);
    node.Open();
  }
  node.clock.Advance(5 * model::kDayMs);
  REQUIRE(node.engine->CompactDays().ok());
  node.Append(other, node.clock.NowMs());
  node.Flush();
  node.Retain();
  CHECK(node.engine->Stats().tombstones == 0);
  CHECK(node.engine->Stats().index_series == 1);
  node.Open();
  CHECK(node.Times("m").size() == 1);
}

TEST_CASE("nothing acknowledged is lost while series are forgotten",
          "[engine]") {
  Node node;
  constexpr int kThreads = 3;
  std::atomic<bool> stop{false};
  std::array<std::map<std::string, std::set<int64_t>>, kThreads> acknowledged;
  std::vector<std::thread> writers;
  for (int t = 0; t < kThreads; ++t) {
    writers.emplace_back([&, t] {
      std::string canonical;
      model::AppendCanonicalBytes(
          canonical, {{"__name__", "m"}, {"t", std::to_string(t)}});
      std::vector<uint64_t> ids;
      while (!stop) {
        const SeriesDefinition one{kTenant, canonical};
        if (ids.empty() && !node.engine->Define({&one, 1}, ids).ok()) return;
        const int64_t at_ms = node.clock.NowMs();
        const auto result = node.TryAppend(ids[0], Samples({{at_ms, 1}}),
                                           kTenant, AckLevel::kMemory);
        if (!result.ok()) return;
        if (result->unknown_ref > 0) {
          ids.clear();
        } else if (result->rows == 1) {
          acknowledged[t][canonical].insert(at_ms);
        }
        std::this_thread::yield();
      }
    });
  }
  for (int round = 0; round < 12; ++round) {
    node.Flush();
    node.clock.Advance(4 * model::kDayMs);
    node.Retain();
  }
  stop = true;
  for (std::thread& writer : writers) writer.join();
  const int64_t oldest = node.clock.NowMs() - node.options.retention_ms;
  for (int round = 0; round < 2; ++round) {
    const auto found = node.Times("m");
    for (const auto& of_thread : acknowledged) {
      for (const auto& [labels, times] : of_thread) {
        std::vector<int64_t> want(times.lower_bound(oldest), times.end());
        const auto it = found.find(labels);
        const std::vector<int64_t> got =
            it == found.end() ? std::vector<int64_t>() : it->second;
        CHECK(std::includes(got.begin(), got.end(), want.begin(), want.end()));
      }
    }
    node.Open();
  }
}

}  // namespace
}  // namespace varve::storage
