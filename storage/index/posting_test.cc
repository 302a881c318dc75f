#include "storage/index/posting.h"

#include <array>
#include <catch2/catch.hpp>
#include <random>
#include <vector>

#include "absl/strings/escaping.h"
#include "storage/index/index_key.h"

namespace varve::storage {
namespace {

TEST_CASE("sets of ids come back from bytes", "[index]") {
  std::mt19937 random(7);
  for (const uint32_t count : {0u, 1u, 2u, 16u, 17u, 1000u, 70'000u}) {
    IdSet ids;
    for (uint32_t n = 0; n < count;) {
      n += ids.addChecked(count == 2 ? UINT32_MAX - n : random() % 10'000'000);
    }
    std::string bytes;
    AppendIdSet(bytes, ids);
    IdSet back;
    REQUIRE(AddIdSet(bytes, back).ok());
    CHECK(back == ids);
    if (count > 1000) continue;
    for (size_t keep = 0; keep < bytes.size(); ++keep) {
      IdSet part;
      CHECK(absl::IsDataLoss(
          AddIdSet(std::string_view(bytes).substr(0, keep), part)));
    }
  }
  IdSet ids;
  CHECK(absl::IsDataLoss(AddIdSet("\x02", ids)));
}

TEST_CASE("a set gives out all of its ids in order", "[index]") {
  std::mt19937 random(9);
  for (const uint32_t sets : {0u, 1u, 3u, 4u, 40u}) {
    for (const bool optimize : {false, true}) {
      CAPTURE(sets, optimize);
      IdSet ids;
      for (uint32_t set = 0; set < sets; ++set) {
        const uint32_t base = set * 3 << 16;
        ids.add(base);
        ids.add(base + 65'535);
        const uint32_t more = std::array{0u, 10u, 4'094u, 4'095u, 30'000u,
                                         65'000u}[random() % 6];
        if (set % 3 == 0) ids.addRange(base + 100, base + 100 + more);
        for (uint32_t n = 0; n < more; ++n) {
          ids.add(base + (set % 3 == 1 ? 2 * n : random()) % 65'536);
        }
      }
      if (sets > 3) ids.add(UINT32_MAX);
      if (optimize) ids.runOptimize();
      std::vector<uint32_t> want(ids.cardinality());
      ids.toUint32Array(want.data());
      CHECK(ToIds(ids) == std::vector<uint64_t>(want.begin(), want.end()));
    }
  }
}

TEST_CASE("an empty set takes another over, others join", "[index]") {
  IdSet ids;
  Unite(IdSet::bitmapOf(2, 1, 70'000), ids);
  Unite(IdSet::bitmapOf(2, 1, 2), ids);
  Unite(IdSet(), ids);
  CHECK(ToIds(ids) == std::vector<uint64_t>{1, 2, 70'000});
}

TEST_CASE("a delta list holds ids in any order once", "[index]") {
  DeltaList list;
  IdSet expected;
  std::mt19937 random(8);
  for (int i = 0; i < 3000; ++i) {
    const uint32_t id = i < 2000 ? 10 * i : random() % 30'000;
    list.Add(id);
    expected.add(id);
  }
  IdSet got;
  list.AddTo(got);
  CHECK(got == expected);
  CHECK(list.count() == expected.cardinality());
}

TEST_CASE("posting keys come back and keep the order of values", "[index]") {
  using namespace std::string_literals;
  const model::TenantId tenant = model::TenantId::Numeric(1, 2);
  const std::vector<std::string> values = {
      ""s, "\0"s, "\0\0"s, "\0\1"s, "\0\xff"s, "\1"s, "a"s,
      "a\0"s, "a\0b"s, "a\1"s, "ab"s, "b"s, "\xff"s, "\xff\xff"s};
  std::string previous;
  for (const std::string& value : values) {
    std::string key = PostPrefix(tenant, "na\0me"s, value);
    AppendShard(key, 77);
    CHECK(previous < key);
    previous = key;
    PostKey parsed;
    REQUIRE(ParsePostKey(key, parsed));
    CHECK(parsed.name == "na\0me"s);
    CHECK(parsed.value == value);
    CHECK(parsed.shard == 77);
    for (size_t keep = 0; keep < key.size(); ++keep) {
      CHECK_FALSE(ParsePostKey(key.substr(0, keep), parsed));
    }
  }
}

TEST_CASE("day keys sort as days do", "[index]") {
  const model::TenantId tenant = model::TenantId::Numeric(1, 2);
  std::string previous;
  for (const int32_t day : {INT32_MIN, -1, 0, 1, 20'000, INT32_MAX}) {
    const std::string key = ActiveKey(tenant, day);
    CHECK(previous < key);
    previous = key;
    CHECK(ParseActiveKey(key)->day == day);
    CHECK(ParseActiveKey(key)->tenant == tenant);
  }
  CHECK(PrefixEnd("a\xff") == "b");
  CHECK(PrefixEnd("\xff").empty());
}

// The worked examples of docs/formats/index.md.
TEST_CASE("keys and ids have the documented bytes", "[index]") {
  const model::TenantId tenant = model::TenantId::Numeric(1, 0);
  std::string post = PostPrefix(tenant, "job", "a");
  AppendShard(post, 2);
  CHECK(absl::BytesToHexString(post) ==
        "000000000100000000" "6a6f620001" "610001" "00000002");
  CHECK(absl::BytesToHexString(ActiveKey(tenant, 20'000)) ==
        "000000000100000000" "80004e20");
  IdSet ids;
  ids.add(5u);
  ids.add(300u);
  std::string bytes;
  AppendIdSet(bytes, ids);
  CHECK(absl::BytesToHexString(bytes) == "00" "02" "05" "a702");
}

}  // namespace
}  // namespace varve::storage
