#include "lib/repair/digest_difference.h"

#include <catch2/catch.hpp>
#include <set>
#include <utility>

namespace varve::repair {
namespace {

DigestRow Row(int hour, int part, uint64_t count, uint64_t sum,
              DigestKind kind = DigestKind::kFloats) {
  return {.kind = kind,
          .hour = static_cast<uint8_t>(hour),
          .part = static_cast<uint16_t>(part),
          .digest = {.count = count, .sum = {0, sum}}};
}

using Cells = std::vector<std::pair<int, int>>;

Cells CellsOf(const std::vector<DigestUnit>& units) {
  Cells cells;
  for (const DigestUnit& unit : units) cells.push_back({unit.hour, unit.part});
  return cells;
}

TEST_CASE("unlike is what the other one has and this one has not so",
          "[repair]") {
  const std::vector<DigestRow> own = {
      Row(0, 1, 5, 50), Row(0, 2, 5, 50), Row(0, 3, 5, 50),
      Row(3, 1, 1, 1, DigestKind::kStarts)};
  const std::vector<DigestRow> theirs = {
      Row(0, 1, 5, 50),                         // equal
      Row(0, 2, 4, 40),                         // fewer, or others
      Row(1, 9, 1, 7),                          // nothing here
      Row(3, 1, 1, 2, DigestKind::kHistograms)  // likewise, of its kind
  };
  const auto units = UnlikeUnits(own, theirs);
  CHECK(CellsOf(units) == Cells{{0, 2}, {1, 9}, {3, 1}});
  CHECK(units[0].own[0].count == 5);
  CHECK(units[0].theirs[0].count == 4);
  CHECK(UnlikeUnits(own, own).empty());
  CHECK(UnlikeUnits(own, {}).empty());
}

// Each unit once, and nothing else.
void CheckCovers(const std::vector<UnitBatch>& batches,
                 const std::vector<DigestUnit>& units) {
  std::multiset<std::pair<int, int>> wanted;
  for (const auto& cell : CellsOf(units)) wanted.insert(cell);
  std::multiset<std::pair<int, int>> covered;
  std::multiset<std::pair<int, int>> told;
  for (const UnitBatch& batch : batches) {
    for (int hour = batch.first_hour; hour <= batch.last_hour; ++hour) {
      for (const uint16_t part : batch.parts) covered.insert({hour, part});
    }
    for (const DigestUnit* unit : batch.units) {
      told.insert({unit->hour, unit->part});
    }
  }
  CHECK(covered == wanted);
  CHECK(told == wanted);
}

TEST_CASE("a day that is missing is one batch, or several of bounded size",
          "[repair]") {
  std::vector<DigestRow> theirs;
  for (int hour = 0; hour < 24; ++hour) {
    for (int part = 0; part < 7; ++part) {
      theirs.push_back(Row(hour, part, 10, 1));
    }
  }
  const auto units = UnlikeUnits({}, theirs);
  REQUIRE(units.size() == 24 * 7);
  CHECK(BatchesOf(units, 24 * 70).size() == 1);
  for (const uint64_t max : {1, 10, 35, 240, 500, 1'000}) {
    CAPTURE(max);
    const auto batches = BatchesOf(units, max);
    CheckCovers(batches, units);
    for (const UnitBatch& batch : batches) {
      CHECK((batch.units.size() * 10 <= max || batch.units.size() == 1));
    }
  }
}

TEST_CASE("hours of other parts are batches of their own", "[repair]") {
  const std::vector<DigestRow> theirs = {
      Row(0, 1, 1, 1), Row(1, 1, 1, 1), Row(1, 2, 1, 1),
      Row(2, 1, 1, 1), Row(2, 2, 1, 1), Row(5, 1, 1, 1), Row(5, 2, 1, 1)};
  const auto units = UnlikeUnits({}, theirs);
  const auto batches = BatchesOf(units, 100);
  CheckCovers(batches, units);
  REQUIRE(batches.size() == 3);
  CHECK(batches[1].first_hour == 1);
  CHECK(batches[1].last_hour == 2);
  // A native histogram is as large as sixteen floats.
  const std::vector<DigestRow> large = {
      Row(0, 1, 5, 1, DigestKind::kHistograms),
      Row(0, 2, 5, 1, DigestKind::kHistograms)};
  CHECK(BatchesOf(UnlikeUnits({}, large), 100).size() == 2);
}

TEST_CASE("rows of a message that are none are left out", "[repair]") {
  proto::DigestResponse message;
  for (const auto& [kind, hour, part] :
       {std::tuple{0, 1, 2}, {3, 0, 0}, {0, 24, 0}, {0, 0, 1024}}) {
    message.add_kinds(static_cast<uint32_t>(kind));
    message.add_hours(static_cast<uint32_t>(hour));
    message.add_parts(static_cast<uint32_t>(part));
    message.add_counts(1);
    message.add_sums_high(0);
    message.add_sums_low(9);
  }
  std::vector<DigestRow> rows;
  AppendRows(message, rows);
  CHECK(rows == std::vector<DigestRow>{Row(1, 2, 1, 9)});
}

}  // namespace
}  // namespace varve::repair
