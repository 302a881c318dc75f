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
    entries[i].route.nodes = {1, 2, cluster::kNoNode, cluster::kNoNode};
    entries[i].route.refs[0] = first + i;
  }
  return entries;
}

void StoreAll(SeriesTable& table, size_t first, size_t n) {
  std::vector<uint32_t> which(n);
  for (uint32_t i = 0; i < n; ++i) which[i] = i;
  table.Store(Keys(first, n), Entries(first, n), which);
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
    REQUIRE(entries[i].route.nodes[1] == 2);
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
  table.Store(Keys(7, 1), entries, which);
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

}  // namespace
}  // namespace varve::ingest
