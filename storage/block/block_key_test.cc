#include "storage/block/block_key.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <random>
#include <vector>

#include "absl/strings/escaping.h"
namespace varve::storage {
namespace {

std::string Bytes(const SeriesKey& key) {
  std::string bytes;
  AppendSeriesKey(bytes, key);
  return bytes;
}

TEST_CASE("series keys come back and sort as their bytes do", "[block]") {
  std::mt19937_64 random(20261120);
  std::vector<SeriesKey> keys = {{{0, 0}, 0, 0},
                                 {{1, std::numeric_limits<uint64_t>::max()},
                                  std::numeric_limits<uint64_t>::max(),
                                  std::numeric_limits<uint64_t>::max()}};
  for (int i = 0; i < 500; ++i) {
    keys.push_back({{static_cast<uint8_t>(random() % 2), random() % 300},
                    random() >> random() % 64,
                    random() >> random() % 64});
  }
  std::sort(keys.begin(), keys.end());
  for (size_t i = 0; i < keys.size(); ++i) {
    const std::string bytes = Bytes(keys[i]);
    REQUIRE(bytes.size() == kSeriesKeyBytes);
    REQUIRE(*ParseSeriesKey(bytes) == keys[i]);
    if (i > 0) REQUIRE(Bytes(keys[i - 1]) <= bytes);
  }
}

// The worked example of docs/formats/segment.md.
TEST_CASE("a series key has the documented bytes", "[block]") {
  const SeriesKey key{model::TenantId::Numeric(42, 7), 5, 1000};
  CHECK(absl::BytesToHexString(Bytes(key)) ==
        "00" "0000002a00000007" "0000000000000005" "00000000000003e8");
  std::string closed;
  AppendClosedKey(closed, {20'777, key});
  CHECK(absl::BytesToHexString(closed).substr(0, 8) == "00005129");
}

TEST_CASE("closed keys sort by day first", "[block]") {
  std::string early;
  std::string late;
  AppendClosedKey(early, {255, {{1, 9}, 9, 9}});
  AppendClosedKey(late, {256, {{0, 0}, 1, 1}});
  CHECK(early < late);
  CHECK(ParseClosedKey(late)->day == 256);
  CHECK(ParseClosedKey(early)->series == SeriesKey{{1, 9}, 9, 9});
}

TEST_CASE("keys of the wrong size are data loss", "[block]") {
  const std::string bytes = Bytes({{0, 1}, 2, 3});
  for (size_t keep = 0; keep < bytes.size(); ++keep) {
    CHECK(absl::IsDataLoss(ParseSeriesKey(bytes.substr(0, keep)).status()));
  }
  CHECK(absl::IsDataLoss(ParseSeriesKey(bytes + "x").status()));
  CHECK(absl::IsDataLoss(ParseClosedKey(bytes).status()));
  CHECK(absl::IsDataLoss(
      ParseClosedKey(std::string(kClosedKeyBytes, '\xff')).status()));
}

TEST_CASE("a metric's keys start with its prefix", "[block]") {
  std::string prefix;
  AppendMetricPrefix(prefix, {0, 7}, 42);
  CHECK(Bytes({{0, 7}, 42, 1}).compare(0, prefix.size(), prefix) == 0);
}

TEST_CASE("day families are named for their day", "[block]") {
  CHECK(DayFamilyName(0) == "d19700101");
  CHECK(DayFamilyName(20777) == "d20261120");
  for (int32_t day = 0; day < 110'000; day += 7) {
    REQUIRE(*ParseDayFamilyName(DayFamilyName(day)) == day);
  }
  for (std::string_view name :
       {"", "d", "closed", "default", "d2026112", "d202611200", "d20260231",
        "d19691231", "D20261120", "d2026112x", "d00000000", "d-2026112"}) {
    CAPTURE(name);
    CHECK(absl::IsInvalidArgument(ParseDayFamilyName(name).status()));
  }
}

}  // namespace
}  // namespace varve::storage
