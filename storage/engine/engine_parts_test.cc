#include <catch2/catch.hpp>
#include <numeric>

#include "absl/strings/escaping.h"
#include "lib/model/label.h"
#include "storage/engine/data_families.h"
#include "storage/engine/log_record.h"
#include "storage/engine/lost_spans.h"
#include "storage/engine/series_registry.h"

namespace varve::storage {
namespace {

constexpr model::TenantId kA{0, 1};
constexpr model::TenantId kB{1, 1};

TEST_CASE("a DEFINE record gives back its series", "[engine]") {
  std::string record;
  AppendDefinition(record, {.id = 7, .tenant = kA, .labels = "abc"});
  AppendDefinition(record, {.id = UINT64_MAX, .tenant = kB, .labels = ""});
  const auto got = ParseDefinitions(record);
  REQUIRE(got.ok());
  REQUIRE(got->size() == 2);
  CHECK((*got)[0].id == 7);
  CHECK((*got)[0].labels == "abc");
  CHECK((*got)[1].tenant == kB);
  CHECK(ParseDefinitions("")->empty());
}

TEST_CASE("a DEFINE record cut inside a series is data loss", "[engine]") {
  std::string record;
  AppendDefinition(record, {.id = 7, .tenant = kA, .labels = "abc"});
  for (size_t keep = 1; keep < record.size(); ++keep) {
    CAPTURE(keep);
    CHECK(absl::IsDataLoss(
        ParseDefinitions(std::string_view(record).substr(0, keep)).status()));
  }
}

TEST_CASE("a STATE record gives back key and value", "[engine]") {
  const std::string record = StateRecord("ring/1", std::string("\0x", 2));
  const auto got = ParseState(record);
  REQUIRE(got.ok());
  CHECK(got->key == "ring/1");
  CHECK(got->value == std::string_view("\0x", 2));
  for (size_t keep = 0; keep < record.size(); ++keep) {
    CHECK(absl::IsDataLoss(
        ParseState(std::string_view(record).substr(0, keep)).status()));
  }
  CHECK(absl::IsDataLoss(ParseState(record + "x").status()));
}

// The worked examples of docs/formats/storage_directory.md.
TEST_CASE("definitions and rows of days have the documented bytes",
          "[engine]") {
  std::string labels;
  model::AppendCanonicalBytes(labels, {{"a", "b"}});
  std::string record;
  AppendDefinition(record, {.id = 5, .tenant = kA, .labels = labels});
  CHECK(absl::BytesToHexString(record) ==
        "05" "00" "0100000000000000" "0401610162");

  CHECK(absl::BytesToHexString(DayRowKey(20'777)) == "726f77732f" "00005129");
  const std::string row = DayRowValue({.rows = 2400, .next_column = 4});
  CHECK(absl::BytesToHexString(row) ==
        "6009000000000000" "0000000000000000" "0400000000000000"
        "0000000000000000" "0000000000000000" "00" "00");
}

TEST_CASE("rows of days come back, cut ones are data loss", "[engine]") {
  const DayState state{.rows = -1,
                       .late_rows = 2,
                       .next_column = 3,
                       .phase = DayPhase::kClosing,
                       .in_closed = true,
                       .rewritten_generation = 4,
                       .rewritten_ms = 5};
  const std::string row = DayRowValue(state);
  int32_t day = 0;
  DayState read;
  REQUIRE(ParseDayRow(DayRowKey(-7), row, day, read).ok());
  CHECK(day == -7);
  CHECK(DayRowValue(read) == row);
  for (size_t keep = 0; keep < row.size(); ++keep) {
    CHECK(absl::IsDataLoss(
        ParseDayRow(DayRowKey(1), row.substr(0, keep), day, read)));
  }
}

TEST_CASE("ids belong to the tenant they were added for", "[engine]") {
  SeriesRegistry registry;
  std::vector<uint64_t> many(10'000);
  std::iota(many.begin(), many.end(), 1);
  registry.Add(kA, many);
  const std::vector<uint64_t> b = {10'001, 20'000};
  registry.Add(kB, b);
  CHECK(registry.CountUnknown(kA, many) == 0);
  CHECK(registry.CountUnknown(kB, many) == 10'000);
  CHECK(registry.CountUnknown(kA, b) == 2);
  CHECK(registry.CountUnknown(kB, b) == 0);
  CHECK(registry.CountUnknown({0, 9}, b) == 2);
  CHECK(registry.TenantOf(4'096) == kA);
  CHECK(registry.TenantOf(20'000) == kB);
  CHECK_FALSE(registry.TenantOf(20'001).has_value());
  CHECK_FALSE(registry.TenantOf(UINT64_MAX).has_value());
  CHECK_FALSE(registry.loaded(kA));
  registry.MarkLoaded(kA);
  CHECK(registry.loaded(kA));
}

TEST_CASE("a lost span is told for the time it covers", "[engine]") {
  std::map<std::string, std::string, std::less<>> state;
  CHECK_FALSE(AnyLost(state, {0, 100}));
  state[LostStateKey(0x1234)] = LostStateValue({50, 60});
  state["missed/other"] = "x";
  CHECK(state.contains("lost/0000000000001234"));
  CHECK(AnyLost(state, {0, 50}));
  CHECK(AnyLost(state, {60, 100}));
  CHECK_FALSE(AnyLost(state, {0, 49}));
  CHECK_FALSE(AnyLost(state, {61, 100}));
  state[LostStateKey(1)] = "not to be read";
  CHECK(AnyLost(state, {61, 100}));
}

}  // namespace
}  // namespace varve::storage
