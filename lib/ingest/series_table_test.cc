#include "lib/ingest/series_table.h"

#include <catch2/catch.hpp>

#include "lib/base/byte_coding.h"

namespace varve::ingest {
namespace {

std::vector<base::Hash128> Keys(size_t first, size_t n) {
  std::vector<base::Hash128> keys;
  for (size_t i = first; i < first + n; ++i) {
    keys.push_back(
        base::Hash128Of({reinterpret_cast<const char*>(&i), sizeof(i)}));
  }
  return keys;
}

std::vector<SeriesEntry> Entries(size_t first, size_t n) {
  std::vector<SeriesEntry> entries(n);
  for (size_t i = 0; i < n; ++i) {
    entries[i].known = true;
    entries[i].slot = static_cast<uint16_t>(first + i);
    entries[i].route.generation = 3;
    entries[i].route.lanes = {1, 2, cluster::kNoLane, cluster::kNoLane};
    entries[i].route.refs[0] = first + i;
  }
  return entries;
}

void StoreAll(SeriesTable& table, size_t first, size_t n) {
  std::vector<uint32_t> which(n);
  for (uint32_t i = 0; i < n; ++i) which[i] = i;
  table.Store(table.epoch(), Keys(first, n), Entries(first, n), which);
}

size_t KnownOf(SeriesTable& table, size_t first, size_t n) {
  std::vector<SeriesEntry> entries(n);
  table.Lookup(Keys(first, n), entries);
  size_t known = 0;
  for (size_t i = 0; i < n; ++i) {
    if (!entries[i].known) continue;
    ++known;
    REQUIRE(entries[i].slot == static_cast<uint16_t>(first + i));
    REQUIRE(entries[i].route.refs[0] == first + i);
    REQUIRE(entries[i].route.refs[1] == cluster::kNoRef);
    REQUIRE(entries[i].route.lanes[1] == 2);
    REQUIRE(entries[i].route.generation == 3);
  }
  return known;
}

TEST_CASE("what was stored is found, what was not is not", "[ingest]") {
  base::ManualClock clock(0);
  SeriesTable table(1 << 20, 2, clock);
  StoreAll(table, 0, 100'000);
  CHECK(KnownOf(table, 0, 100'000) == 100'000);
  CHECK(KnownOf(table, 100'000, 1000) == 0);
  CHECK(table.size() == 100'000);
  CHECK(table.bytes() < 100 * table.size());
}

TEST_CASE("an entry is replaced by the next one", "[ingest]") {
  base::ManualClock clock(0);
  SeriesTable table(1000, 2, clock);
  StoreAll(table, 7, 1);
  auto entries = Entries(7, 1);
  entries[0].rejection = Rejection::kNoLabels;
  const uint32_t which[] = {0};
  table.Store(table.epoch(), Keys(7, 1), entries, which);
  std::vector<SeriesEntry> read(1);
  table.Lookup(Keys(7, 1), read);
  CHECK(read[0].rejection == Rejection::kNoLabels);
  CHECK(table.size() == 1);
}

TEST_CASE("the table stays below its bound and keeps what is in use",
          "[ingest]") {
  base::ManualClock clock(0);
  SeriesTable table(16'000, 2, clock);
  StoreAll(table, 0, 4'000);
  for (int round = 1; round <= 20; ++round) {
    clock.Advance(600'000);
    KnownOf(table, 0, 4'000);
    StoreAll(table, static_cast<size_t>(round) * 10'000, 6'000);
    CHECK(table.size() <= 16'000);
  }
  CHECK(KnownOf(table, 0, 4'000) == 4'000);
  CHECK(table.evictions() > 0);
}

TEST_CASE("more series in use than fit start the table anew", "[ingest]") {
  base::ManualClock clock(0);
  SeriesTable table(1'600, 2, clock);
  StoreAll(table, 0, 20'000);
  CHECK(table.size() <= 1'600);
  CHECK(KnownOf(table, 19'990, 10) > 0);
}

// Entries that reserved their place with owner 3, of at most `series_max`.
size_t StoreOwned(SeriesTable& table, size_t first, size_t n,
                  int64_t series_max) {
  auto entries = Entries(first, n);
  std::vector<uint32_t> which;
  for (uint32_t i = 0; i < n; ++i) {
    if (!table.Reserve(3, series_max)) break;
    entries[i].owner = 3;
    entries[i].reserved = true;
    which.push_back(i);
  }
  table.Store(table.epoch(), Keys(first, n), entries, which);
  return which.size();
}

TEST_CASE("an owner's active series are its entries", "[ingest]") {
  base::ManualClock clock(0);
  SeriesTable table(1 << 20, 2, clock);
  StoreAll(table, 50'000, 1'000);  // nobody's
  CHECK(StoreOwned(table, 0, 2'000, 1'500) == 1'500);
  CHECK(table.active(3) == 1'500);
  CHECK(StoreOwned(table, 2'000, 10, 0) == 10);  // no limit
  CHECK(table.active(3) == 1'510);
  // Of two requests that bring the same new series, one place is left.
  StoreOwned(table, 0, 1'500, 0);
  CHECK(table.active(3) == 1'510);
  table.Forget(3);
  CHECK(table.active(3) == 0);
  CHECK(table.size() == 1'000);
  StoreOwned(table, 0, 100, 0);
  table.Forget(0);
  CHECK(table.active(3) == 0);
  CHECK(table.size() == 0);
}

TEST_CASE("an entry that went while it was in use has its place again",
          "[ingest]") {
  base::ManualClock clock(0);
  SeriesTable table(1 << 20, 2, clock);
  StoreOwned(table, 0, 1, 0);
  std::vector<SeriesEntry> entries(1);
  table.Lookup(Keys(0, 1), entries);
  clock.Advance(7 * 600'000);
  table.DropUnused();
  REQUIRE(table.active(3) == 0);
  const uint32_t which[] = {0};
  for (int i = 0; i < 2; ++i) {  // counted once
    table.Store(table.epoch(), Keys(0, 1), entries, which);
    CHECK(table.active(3) == 1);
  }
  table.Lookup(Keys(0, 1), entries);
  CHECK(entries[0].owner == 3);
  table.Forget(3);
  CHECK(table.active(3) == 0);
}

TEST_CASE("what was resolved before all was forgotten is not kept",
          "[ingest]") {
  base::ManualClock clock(0);
  SeriesTable table(1 << 20, 2, clock);
  const uint64_t epoch = table.epoch();
  auto entries = Entries(0, 2);
  REQUIRE(table.Reserve(3, 0));
  entries[0].owner = 3;
  entries[0].reserved = true;
  table.Forget(7);
  const uint32_t which[] = {0, 1};
  table.Store(epoch, Keys(0, 2), entries, which);
  CHECK(table.size() == 0);
  CHECK(table.active(3) == 0);
}

TEST_CASE("verdicts against series push no other entries out", "[ingest]") {
  base::ManualClock clock(0);
  SeriesTable table(16'000, 2, clock);
  StoreAll(table, 0, 8'000);
  constexpr size_t kRejected = 50'000;
  auto entries = Entries(10'000, kRejected);
  std::vector<uint32_t> which;
  for (uint32_t i = 0; i < kRejected; ++i) {
    entries[i].rejection = Rejection::kTooManyLabels;
    which.push_back(i);
  }
  for (size_t round = 0; round < 3; ++round) {
    const size_t first = 10'000 + round * kRejected;
    table.Store(table.epoch(), Keys(first, kRejected), entries, which);
    CHECK(table.size() == 8'000 + 2'000);
    CHECK(table.evictions() == static_cast<int64_t>(round) * 2'000);
    CHECK(KnownOf(table, 0, 8'000) == 8'000);
    // Those that are not sent any more make room for others.
    for (int i = 0; i < 6; ++i) {
      clock.Advance(600'000);
      CHECK(KnownOf(table, 0, 8'000) == 8'000);
    }
  }
}

TEST_CASE("series that ended leave their places after an hour",
          "[ingest]") {
  base::ManualClock clock(0);
  SeriesTable table(1 << 20, 2, clock);
  StoreOwned(table, 0, 1'000, 1'000);
  for (int i = 0; i < 6; ++i) {
    KnownOf(table, 0, 400);
    CHECK(StoreOwned(table, 5'000, 1, 1'000) == 0);
    clock.Advance(600'000);
    table.DropUnused();
  }
  CHECK(table.active(3) == 400);
  CHECK(KnownOf(table, 0, 400) == 400);
  CHECK(StoreOwned(table, 5'000, 700, 1'000) == 600);
}

TEST_CASE("the time of last use may wrap", "[ingest]") {
  base::ManualClock clock(int64_t{65'534} * 600'000);
  SeriesTable table(1 << 20, 2, clock);
  StoreAll(table, 0, 1'000);
  clock.Advance(4 * 600'000);
  table.DropUnused();
  CHECK(KnownOf(table, 0, 500) == 500);
  clock.Advance(3 * 600'000);
  table.DropUnused();
  CHECK(table.size() == 500);
}

}  // namespace
}  // namespace varve::ingest
