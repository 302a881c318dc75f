#include "storage/index/index.h"

#include <atomic>
#include <thread>

#include "storage/index/test_index.h"

namespace varve::storage {
namespace {

using model::LabelSet;
using model::MatchType;
using model::Refusal;

TEST_CASE("a series keeps its id over calls, flushes and restarts", "[index]") {
  TestIndex store;
  const LabelSet up{{"__name__", "up"}, {"job", "a"}};
  const LabelSet down{{"__name__", "down"}, {"job", "a"}};
  const IndexDefined first = Define(*store.index, up);
  CHECK(first.is_new);
  CHECK(first.id == 1);
  const IndexDefined second = Define(*store.index, down);
  CHECK(second.id == 2);
  CHECK(second.metric_id != first.metric_id);
  CHECK_FALSE(Define(*store.index, up).is_new);
  const IndexDefined other = Define(*store.index, up, kOther);
  CHECK(other.is_new);
  CHECK(other.id == 3);
  REQUIRE(store.index->Flush().ok());
  CHECK(Define(*store.index, up).id == first.id);
  const uint64_t epoch = store.index->ref_epoch();
  store.Reopen();
  CHECK(store.index->ref_epoch() == epoch);
  const IndexDefined again = Define(*store.index, up);
  CHECK(again.id == first.id);
  CHECK(again.metric_id == first.metric_id);
  CHECK_FALSE(again.is_new);
  CHECK(LabelsOf(*store.index, {1, 2, 3, 4, 99}) ==
        std::map<uint64_t, std::string>{{1, up.Text()}, {2, down.Text()}});
  CHECK(store.index->stats().series == 3);
  REQUIRE(store.index->RenewRefEpoch().ok());
  CHECK(store.index->ref_epoch() != epoch);
}

TEST_CASE("an id is never given twice, even when nothing was flushed",
          "[index]") {
  TestIndex store;
  const uint64_t lost = Define(*store.index, {{"a", "1"}}).id;
  store.Reopen();
  CHECK(Define(*store.index, {{"a", "2"}}).id > lost);
}

TEST_CASE("definitions from the log come back with their ids", "[index]") {
  TestIndex store;
  const Definition flushed(kTenant, {{"__name__", "m"}, {"a", "1"}});
  const Definition logged(kTenant, {{"__name__", "m"}, {"a", "2"}});
  const Definition late(kTenant, {{"__name__", "n"}, {"a", "3"}});
  REQUIRE(store.index->Restore(10, flushed.view()).ok());
  REQUIRE(store.index->Flush().ok());
  store.Reopen();
  // The log still has what was flushed; one definition comes out of order.
  for (int round = 0; round < 2; ++round) {
    REQUIRE(store.index->Restore(10, flushed.view()).ok());
    REQUIRE(store.index->Restore(100'000, logged.view()).ok());
    REQUIRE(store.index->Restore(50, late.view()).ok());
  }
  CHECK(SelectIds(*store.index, {}) == std::vector<uint64_t>{10, 50, 100'000});
  CHECK(SelectIds(*store.index, {{{MatchType::kEqual, "__name__", "m"}}}) ==
        std::vector<uint64_t>{10, 100'000});
  CHECK(LabelsOf(*store.index, {10, 50, 100'000}).size() == 3);
  CHECK(Define(*store.index, {{"b", "1"}}).id == 100'001);
  REQUIRE(store.index->Flush().ok());
  CHECK(LabelsOf(*store.index, {100'000, 50, 10, 100'001}).size() == 4);
  CHECK(absl::IsDataLoss(store.index->Restore(0, late.view()).status()));
}

TEST_CASE("one hash with two label sets is refused, wherever it is known",
          "[index]") {
  TestIndex store;
  const Definition known(kTenant, {{"a", "1"}});
  Definition liar(kTenant, {{"a", "2"}});
  liar.hash = known.hash;
  const Definition fresh(kTenant, {{"a", "3"}});
  std::vector<IndexDefined> defined;
  const std::vector<IndexDefinition> together = {fresh.view(), known.view(),
                                                 liar.view()};
  for (int round = 0; round < 3; ++round) {  // new, in memory, flushed
    REQUIRE(store.index->FindOrCreate(together, defined).ok());
    CHECK(defined[0].refused == Refusal::kNone);
    CHECK(defined[1].id == 2);
    CHECK(defined[2].refused == Refusal::kHashCollision);
    CHECK(defined[2].id == 0);
    CHECK(SelectIds(*store.index, {}).size() == 2);
    if (round > 0) REQUIRE(store.index->Flush().ok());
  }
  CHECK(store.index->stats().hash_collisions == 3);
}

TEST_CASE("bad labels create nothing", "[index]") {
  TestIndex store;
  const Definition good(kTenant, {{"a", "1"}});
  const IndexDefinition bad{kTenant,
                            {1, 2},
                            std::string_view("\x01"
                                             "a",
                                             2)};
  std::vector<IndexDefined> defined;
  const std::vector<IndexDefinition> both = {good.view(), bad};
  REQUIRE(store.index->FindOrCreate(both, defined).ok());
  CHECK(defined[0].id == 1);
  CHECK(defined[1].refused == Refusal::kInvalidLabels);
  CHECK(SelectIds(*store.index, {}).size() == 1);
}

TEST_CASE("what is not admitted is not created, and the known comes first",
          "[index]") {
  TestIndex store;
  const Definition one(kTenant, {{"a", "1"}});
  const Definition two(kTenant, {{"a", "2"}});
  Define(*store.index, {{"a", "1"}});
  const std::vector<IndexDefinition> all = {two.view(), two.view(), one.view()};
  std::vector<std::pair<size_t, uint64_t>> asked;
  std::vector<IndexDefined> defined;
  REQUIRE(store.index
              ->FindOrCreate(all, defined,
                             [&](size_t i, uint64_t id) {
                               asked.emplace_back(i, id);
                               return Refusal::kHourlyLimit;
                             })
              .ok());
  CHECK(asked == std::vector<std::pair<size_t, uint64_t>>{{2, 1}, {0, 0}});
  for (const IndexDefined& each : defined) {
    CHECK(each.refused == Refusal::kHourlyLimit);
  }
  CHECK(SelectIds(*store.index, {}).size() == 1);
}

TEST_CASE("the same definition twice in one call is one series", "[index]") {
  TestIndex store;
  const Definition one(kTenant, {{"a", "1"}});
  const std::vector<IndexDefinition> twice = {one.view(), one.view()};
  std::vector<IndexDefined> defined;
  REQUIRE(store.index->FindOrCreate(twice, defined).ok());
  CHECK(defined[0].id == defined[1].id);
  CHECK(defined[0].is_new);
  CHECK_FALSE(defined[1].is_new);
}

TEST_CASE("definitions, reads and flushes at once lose nothing", "[index]") {
  TestIndex store;
  constexpr int kThreads = 3;
  constexpr int kSeries = 1500;
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kSeries; ++i) {
        // Every series is defined by two threads.
        const LabelSet labels{{"__name__", "m" + std::to_string(i % 7)},
                              {"i", std::to_string(i)},
                              {"t", std::to_string(t / 2)}};
        const Definition definition(kTenant, labels);
        const IndexDefinition view = definition.view();
        std::vector<IndexDefined> defined;
        if (!store.index->FindOrCreate({&view, 1}, defined).ok()) ++failures;
        store.index->MarkActive(kTenant, 1, {&defined[0].id, 1});
        const model::Matchers matchers = {
            {MatchType::kEqual, "i", std::to_string(i)},
            {MatchType::kEqual, "t", std::to_string(t / 2)}};
        const auto ids = store.index->Select(kTenant, {&matchers, 1}, {1, 1});
        if (!ids.ok() || *ids != std::vector{defined[0].id}) ++failures;
        int seen = 0;
        const std::vector<uint64_t> one = {defined[0].id};
        const absl::Status status = store.index->ForEachSeries(
            kTenant, one, [&](const IndexSeries& series) {
              seen += series.labels == view.labels;
            });
        if (!status.ok() || seen != 1) ++failures;
      }
    });
  }
  std::thread flusher([&] {
    while (!stop) {
      if (!store.index->Flush().ok()) ++failures;
      std::this_thread::yield();
    }
  });
  for (std::thread& thread : threads) thread.join();
  stop = true;
  flusher.join();
  CHECK(failures == 0);
  CHECK(SelectIds(*store.index, {}).size() == 2 * kSeries);
  CHECK(store.index->stats().series == 2 * kSeries);
}

TEST_CASE("a series counts once while it is flushed", "[index]") {
  TestIndex store;
  std::atomic<bool> stop{false};
  std::atomic<int> defined{0};
  std::atomic<int> failures{0};  // Catch2 checks on one thread only
  std::thread flusher([&] {
    while (!stop) failures += !store.index->Flush().ok();
  });
  std::thread reader([&] {
    while (!stop) {
      const int before = defined;
      const auto counted = store.index->CardinalityOf({.tenant = kTenant});
      const int after = defined + 1;
      failures += !counted.ok() || counted->total_series < before ||
                  counted->total_series > after;
    }
  });
  for (int i = 0; i < 400; ++i) {
    Define(*store.index, {{"i", std::to_string(i)}});
    ++defined;
  }
  stop = true;
  flusher.join();
  reader.join();
  CHECK(failures == 0);
}

}  // namespace
}  // namespace varve::storage
