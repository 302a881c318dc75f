// What keepers of answers are told of changes of the past.
#include "storage/engine/test_node.h"

namespace varve::storage {
namespace {

using model::kDayMs;

struct Node : TestNode {
  Node() { Open(); }
  uint64_t Changes(model::TimeRange range = kAllTime,
                   model::TenantId tenant = kTenant) {
    return engine->HistoryOf(tenant, range).changes;
  }
};

TEST_CASE("rows of the last minutes change no history") {
  Node node;
  const uint64_t before = node.Changes();
  node.Write("m", 3, kNowMs - 239'000, 239);
  CHECK(node.Changes() == before);
  node.clock.Advance(3'600'000);
  REQUIRE(node.engine->Flush().ok());
  CHECK(node.Changes() == before);
}

TEST_CASE("a late row changes the history of its day and tenant") {
  Node node;
  const uint64_t id = node.Define({{"__name__", "m"}});
  node.Append(id, Samples({{kNowMs, 1}}));
  const model::TimeRange today = {kNowMs - kDayMs / 2, kNowMs};
  const model::TimeRange yesterday = {kNowMs - kDayMs - 1, kNowMs - kDayMs};
  const uint64_t before = node.Changes(today);
  const uint64_t before_yesterday = node.Changes(yesterday);
  // The record's other row is an ordinary one.
  node.Append(id, Samples({{kNowMs - 240'000, 1}, {kNowMs, 2}}));
  CHECK(node.Changes(today) > before);
  CHECK(node.Changes(yesterday) == before_yesterday);
  CHECK(node.Changes(today, kOther) == before);
}

TEST_CASE("a delete changes history, a row out of retention does not") {
  Node node;
  const uint64_t id = node.Define({{"__name__", "m"}});
  node.Append(id, Samples({{kNowMs - 1000, 1}}));
  const uint64_t before = node.Changes();
  CHECK(node.Append(id, Samples({{kNowMs - 40 * kDayMs, 1}})).too_old == 1);
  CHECK(node.Changes() == before);
  node.Delete({{model::MatchType::kEqual, "__name__", "m"}});
  CHECK(node.Changes() > before);
}

TEST_CASE("history is settled between retention and the last minutes") {
  TestNode node;
  node.options.retention_ms = 10 * kDayMs;
  node.Open();
  model::TimeRange settled =
      node.engine->HistoryOf(kTenant, kAllTime).settled;
  CHECK(settled.start_ms == kNowMs - 10 * kDayMs);
  CHECK(settled.end_ms == kNowMs - 300'000);

  node.options.downsampling = {{{}, {{3 * kDayMs, 60'000}}}};
  node.Open();
  settled = node.engine->HistoryOf(kTenant, kAllTime).settled;
  CHECK(settled.start_ms == kNowMs - 3 * kDayMs);
}

TEST_CASE("what was kept before a start does not count as unchanged after it") {
  Node node;
  const uint64_t before = node.engine->coverage_version();
  node.Open();
  CHECK(node.engine->coverage_version() != before);
}

}  // namespace
}  // namespace varve::storage
