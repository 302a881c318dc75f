#include "storage/engine/tombstone.h"

#include <catch2/catch.hpp>

#include "lib/model/label.h"

namespace varve::storage {
namespace {

const model::TenantId kTenant = model::TenantId::Numeric(3, 1);

Tombstone Make(uint64_t position, int64_t accept_ms, uint64_t generation) {
  Tombstone tombstone;
  tombstone.tenant = kTenant;
  tombstone.accept_ms = accept_ms;
  tombstone.range = {1000, 2000};
  tombstone.groups = {{{model::MatchType::kRegex, "job", "a|b"},
                       {model::MatchType::kNotEqual, "x", ""}},
                      {{model::MatchType::kEqual, "__name__", "up"}}};
  for (uint32_t id = 5; id < 50; id += 3) tombstone.ids.add(id);
  tombstone.position = position;
  tombstone.below_generation = generation;
  return tombstone;
}

std::string Labels(const model::LabelSet& labels) {
  std::string bytes;
  model::AppendCanonicalBytes(bytes, labels);
  return bytes;
}

TEST_CASE("a delete is read as it was written", "[engine]") {
  const Tombstone written = Make(0, -7, 0);
  const auto read = ParseDelete(DeleteRecord(written));
  REQUIRE(read.ok());
  CHECK(read->tenant == kTenant);
  CHECK(read->accept_ms == -7);
  CHECK(read->range == written.range);
  CHECK(read->groups == written.groups);
  CHECK(read->ids == written.ids);
  CHECK(read->MatchesLate(8, {}));
  CHECK_FALSE(read->MatchesLate(9, Labels({{"job", "c"}, {"x", "1"}})));
  CHECK(read->MatchesLate(9, Labels({{"job", "b"}, {"x", "1"}})));
  CHECK(read->MatchesLate(9, Labels({{"__name__", "up"}})));
}

TEST_CASE("a row of a delete is read as it was written", "[engine]") {
  Tombstone read;
  std::set<int32_t> days;
  const std::string row = TombstoneRow(Make(0, 9, 77), {0, 17, 40'000});
  REQUIRE(ParseTombstoneRow(row, read, days).ok());
  CHECK(read.below_generation == 77);
  CHECK(read.accept_ms == 9);
  CHECK(days == std::set<int32_t>{0, 17, 40'000});
}

std::string Hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex += kDigits[static_cast<uint8_t>(c) >> 4];
    hex += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return hex;
}

TEST_CASE("deletes have the bytes of docs/formats", "[engine]") {
  Tombstone tombstone;
  tombstone.tenant = {0, 1};
  tombstone.accept_ms = 1'795'176'000'001;
  tombstone.range = {0, model::kTimestampMaxMs};
  tombstone.groups = {{{model::MatchType::kEqual, "job", "a"}}};
  tombstone.ids.add(5u);
  tombstone.ids.add(8u);
  tombstone.below_generation = 7;
  CHECK(Hex(DeleteRecord(tombstone)) ==
      "00010000000000000001ead3f8a10100000000000000000000f65ad07b630800"
      "00010100036a6f620161020503");
  CHECK(Hex(TombstoneRow(tombstone, {20'777, 20'778})).substr(0, 24) ==
        "070000000000000002a9a201");
}

TEST_CASE("a delete cut at any byte is data loss", "[engine]") {
  const std::string record = DeleteRecord(Make(0, 1, 2));
  const std::string row = TombstoneRow(Make(0, 1, 2), {3, 4});
  for (size_t keep = 0; keep < record.size(); ++keep) {
    CAPTURE(keep);
    CHECK(absl::IsDataLoss(ParseDelete(record.substr(0, keep)).status()));
  }
  for (size_t keep = 0; keep < row.size(); ++keep) {
    Tombstone read;
    std::set<int32_t> days;
    CAPTURE(keep);
    CHECK(absl::IsDataLoss(
        ParseTombstoneRow(row.substr(0, keep), read, days)));
  }
}

TEST_CASE("a delete goes once its days are rewritten and no copy is late",
          "[engine]") {
  Tombstones tombstones;
  tombstones.Add(Make(100, 1000, 5), {7, 8}, false);
  tombstones.Add(Make(200, 2000, 6), {8}, false);
  CHECK(tombstones.newest_accept_ms() == 2000);
  CHECK(tombstones.Unsaved().size() == 2);
  // Blocks of lower generations may still come.
  CHECK(tombstones.DaysToRewrite().empty());
  CHECK(tombstones.Rewritten(8, *tombstones.list()).empty());

  tombstones.Saved(100);
  CHECK(tombstones.Unsaved().size() == 1);
  CHECK(tombstones.DaysToRewrite() == std::set<int32_t>{7, 8});
  const auto before = tombstones.list();
  tombstones.Add(Make(300, 3000, 7), {8}, true);
  CHECK(tombstones.Rewritten(8, *before).size() == 1);
  CHECK(tombstones.DaysToRewrite() == std::set<int32_t>{7, 8});
  tombstones.Saved(200);
  CHECK(tombstones.Rewritten(8, *tombstones.list()).size() == 2);
  CHECK(tombstones.DaysToRewrite() == std::set<int32_t>{7});

  CHECK(tombstones.Expire(0, 3001 + kLateCopiesMs).size() == 2);
  CHECK(tombstones.list()->size() == 1);
  CHECK(tombstones.Expire(8, 1000 + kLateCopiesMs).empty());
  CHECK(tombstones.Expire(8, 1001 + kLateCopiesMs) ==
        std::vector<uint64_t>{100});
  CHECK(tombstones.list()->empty());
}

}  // namespace
}  // namespace varve::storage
