#include "storage/index/name_usage.h"

#include <catch2/catch.hpp>

#include "storage/index/test_index.h"

namespace varve::storage {
namespace {

const model::TenantId kA = model::TenantId::Numeric(1, 0);
const model::TenantId kB = model::TenantId::Numeric(1, 1);

TEST_CASE("counts of metric names outlive a restart, until a reset",
          "[index]") {
  const tests::TempDir dir;
  for (int round = 1; round <= 2; ++round) {
    const auto db = OpenIndexDb(dir.File("index"));
    NameUsage usage(*db, 1 << 20);
    REQUIRE(usage.Load(1000 + round).ok());
    CHECK(usage.since_s() == 1001);
    usage.Count(kA, "up", 2000 + round);
    usage.Count(kB, "up", 3000);
    usage.Count(kA, "down", 3000);
    CHECK(usage.Find(kA, "up").queries == round);
    CHECK(usage.Find(kA, "up").last_s == 2000 + round);
    CHECK(usage.Find(kB, "down").queries == 0);
    CHECK(usage.List(kA).size() == 2);
    REQUIRE(usage.Save().ok());
  }
  const auto db = OpenIndexDb(dir.File("index"));
  NameUsage usage(*db, 1 << 20);
  REQUIRE(usage.Load(5).ok());
  REQUIRE(usage.Reset(4000).ok());
  CHECK(usage.List(kA).empty());
  NameUsage again(*db, 1 << 20);
  REQUIRE(again.Load(5).ok());
  CHECK(again.List(kA).empty());
  CHECK(again.since_s() == 4000);
}

TEST_CASE("metric names beyond the memory are not counted", "[index]") {
  const tests::TempDir dir;
  const auto db = OpenIndexDb(dir.File("index"));
  NameUsage usage(*db, 1000);
  REQUIRE(usage.Load(1).ok());
  for (int i = 0; i < 100; ++i) usage.Count(kA, std::to_string(i), 2);
  usage.Count(kA, "0", 3);
  CHECK(usage.List(kA).size() < 15);
  CHECK(usage.bytes() <= 1000);
  CHECK(usage.Find(kA, "0").queries == 2);
}

}  // namespace
}  // namespace varve::storage
