#include "storage/index/slot_table.h"

#include <catch2/catch.hpp>

namespace varve::storage {
namespace {

constexpr int32_t kUnknown = SlotTable::kUnknown;

std::vector<int32_t> Found(const SlotTable& table,
                           const std::vector<uint64_t>& ids) {
  std::vector<int32_t> slots;
  table.Find(ids, slots);
  return slots;
}

TEST_CASE("slots are found by id, those never put are unknown", "[slots]") {
  SlotTable table(1 << 20);
  CHECK(Found(table, {1, 5000}) == std::vector<int32_t>{kUnknown, kUnknown});
  const std::vector<uint64_t> ids = {1, 2, 4095, 4096, uint64_t{1} << 40};
  const std::vector<int32_t> slots = {0, kUnknown, 65535, 7, 8};
  table.Put(ids, slots);
  CHECK(Found(table, ids) == slots);
  CHECK(Found(table, {4096, 3, 1}) == std::vector<int32_t>{7, kUnknown, 0});
}

TEST_CASE("a slot table at its bound forgets all and goes on", "[slots]") {
  SlotTable table(20'000);
  table.Put(std::vector<uint64_t>{1, 5000}, std::vector<int32_t>{1, 2});
  const int64_t bytes = table.bytes();
  CHECK(bytes > 2 * 4096 * 2);
  table.Put(std::vector<uint64_t>{9000}, std::vector<int32_t>{3});
  CHECK(table.bytes() == bytes / 2);
  CHECK(Found(table, {1, 5000, 9000}) ==
        std::vector<int32_t>{kUnknown, kUnknown, 3});
}

}  // namespace
}  // namespace varve::storage
