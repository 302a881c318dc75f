#include "lib/cluster/missed_ledger.h"

#include <catch2/catch.hpp>

namespace varve::cluster {
namespace {

using Slots = std::vector<uint32_t>;

constexpr model::TimeRange kSpan = {0, 3'599'999};

TEST_CASE("a record is relied on until a node has given a mark", "[cluster]") {
  const Miss miss{.owner = 1, .ring = 5, .keeper_has = KeeperHas::kRows};
  MissedLedger ledger;
  ledger.Enter(1);
  ledger.NoteMark(9, 100);
  const Slots both = {3, 4};
  CHECK(ledger.NotYet(miss, 9, both, kSpan) == both);
  const uint64_t period = ledger.period();
  ledger.Add(period, miss, 9, {3}, kSpan);
  ledger.NoteMark(9, 100);
  CHECK(ledger.NotYet(miss, 9, both, kSpan) == Slots{4});
  // Of another node as well: it may have the rows, and this one hints.
  ledger.NoteMark(8, 7);
  CHECK(ledger.NotYet(miss, 9, both, kSpan) == both);
  // What was sent before the mark was known is not relied on.
  ledger.Add(period, miss, 9, both, kSpan);
  CHECK(ledger.NotYet(miss, 9, both, kSpan) == both);
  ledger.Add(ledger.period(), miss, 9, both, kSpan);
  CHECK(ledger.NotYet(miss, 9, both, kSpan).empty());
  // Nor is it after an answer that was under way for long.
  ledger.NoteMark(9, 99);
  CHECK(ledger.NotYet(miss, 9, both, kSpan) == both);
  // A release without marks.
  ledger.Add(ledger.period(), miss, 9, both, kSpan);
  ledger.NoteMark(7, 0);
  CHECK(ledger.NotYet(miss, 9, both, kSpan).empty());
  ledger.Enter(2);
  CHECK(ledger.NotYet(miss, 9, both, kSpan) == both);
}

TEST_CASE("rows of several hours that come by turns need one record each",
          "[cluster]") {
  const Miss miss{.owner = 1};
  MissedLedger ledger;
  ledger.Enter(1);
  const auto hour = [](int64_t n) {
    return RoundToHours({n * 3'600'000, n * 3'600'000});
  };
  for (int64_t n = 0; n < 24; ++n) {
    ledger.Add(ledger.period(), miss, 9, {3}, hour(n));
  }
  for (int64_t n = 0; n < 24; ++n) {
    CHECK(ledger.NotYet(miss, 9, {3, 4}, hour(n)) == Slots{4});
  }
  CHECK(ledger.NotYet(miss, 9, {3}, hour(24)) == Slots{3});
  // Within a longer one.
  ledger.Add(ledger.period(), miss, 9, {4}, {hour(0).start_ms, hour(30).end_ms});
  CHECK(ledger.NotYet(miss, 9, {3, 4}, hour(5)).empty());
  CHECK(ledger.NotYet(miss, 9, {3, 4}, hour(25)) == Slots{3});
  // What is forgotten for others is put again.
  for (int64_t n = 100; n < 200; ++n) {
    ledger.Add(ledger.period(), miss, 9, {3}, hour(n));
  }
  CHECK(ledger.NotYet(miss, 9, {3}, hour(0)) == Slots{3});
}

TEST_CASE("a record is for rows of its ring, and for what its keeper has",
          "[cluster]") {
  const Miss miss{.owner = 1, .ring = 5, .keeper_has = KeeperHas::kRows};
  MissedLedger ledger;
  ledger.Enter(1);
  ledger.Add(ledger.period(), miss, 9, {3}, kSpan);
  CHECK(ledger.NotYet(miss, 9, {3}, kSpan).empty());
  Miss other = miss;
  other.ring = 6;
  CHECK(ledger.NotYet(other, 9, {3}, kSpan).size() == 1);
  other = miss;
  other.keeper_has = KeeperHas::kHints;
  CHECK(ledger.NotYet(other, 9, {3}, kSpan).size() == 1);
}

}  // namespace
}  // namespace varve::cluster
