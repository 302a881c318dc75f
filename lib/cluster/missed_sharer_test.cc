#include "lib/cluster/missed_sharer.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "lib/cluster/fake_cluster.h"

namespace varve::cluster {
namespace {

proto::Missed Record(uint64_t owner, std::vector<uint32_t> slots,
                     uint32_t levels_above = 1) {
  proto::Missed record;
  record.set_owner(owner);
  record.set_ring(7);
  record.set_end_ms(1000);
  record.set_levels_above(levels_above);
  record.mutable_slots()->Assign(slots.begin(), slots.end());
  return record;
}

// What is stored in the place of all that is kept of the owner.
std::vector<uint32_t> SlotsOf(const FakeNode& node, uint64_t owner) {
  std::vector<uint32_t> slots;
  for (const proto::Missed& one : node.missed) {
    if (one.owner() == owner) slots.assign(one.slots().begin(),
                                           one.slots().end());
  }
  return slots;
}

TEST_CASE("a node that was down gets the MISSED records of levels above",
          "[cluster]") {
  FakeCluster c(3);
  c.Start(1);
  MissedSharer sharer(&c.clock);
  REQUIRE(c.Write(1, 1000).ok());
  sharer.Look(*c.writer->View());
  c.fakes[0]->missed = {Record(70, {1, 2}), Record(80, {5}),
                        Record(90, {9}, /*levels_above=*/0)};
  c.fakes[1]->missed = {Record(70, {2, 3})};
  c.fakes[2]->up = false;
  sharer.Look(*c.writer->View());
  CHECK(c.fakes[1]->missed.size() == 1);  // nobody has connected
  c.fakes[2]->up = true;
  c.fakes[2]->connection = 2;
  sharer.Look(*c.writer->View());
  using Slots = std::vector<uint32_t>;
  for (const auto& fake : c.fakes) {
    CHECK(SlotsOf(*fake, 70) == Slots{1, 2, 3});
    CHECK(SlotsOf(*fake, 80) == Slots{5});
  }
  // Of this cluster's own writers: with those that have the rows.
  CHECK(SlotsOf(*c.fakes[2], 90).empty());
  // What is there is not stored again.
  CHECK(c.fakes[2]->missed.size() == 2);
  c.fakes[1]->connection = 2;
  sharer.Look(*c.writer->View());
  CHECK(c.fakes[2]->missed.size() == 2);
}

TEST_CASE("MISSED records that could not be brought are brought later",
          "[cluster]") {
  FakeCluster c(2);
  c.Start(1);
  MissedSharer sharer(&c.clock);
  c.fakes[0]->missed = {Record(70, {1})};
  c.fakes[1]->interfere =
      Failing({wire::kMissed}, base::Unavailable("the disk is full"));
  sharer.Look(*c.writer->View());
  CHECK(c.fakes[1]->missed.empty());
  c.fakes[1]->interfere = nullptr;
  sharer.Look(*c.writer->View());
  CHECK(c.fakes[1]->missed.empty());  // not at once
  c.clock.Advance(5'000);
  sharer.Look(*c.writer->View());
  CHECK(c.fakes[1]->missed.size() == 1);
}

TEST_CASE("a node of a release without GETMISSED does not stop the others",
          "[cluster]") {
  FakeCluster c(3);
  c.Start(1);
  MissedSharer sharer(&c.clock);
  c.fakes[0]->missed = {Record(70, {1})};
  c.fakes[1]->interfere =
      Failing({wire::kGetMissed}, base::Unimplemented("method 13"));
  sharer.Look(*c.writer->View());
  CHECK(c.fakes[1]->missed.size() == 1);
  CHECK(c.fakes[2]->missed.size() == 1);
}

TEST_CASE("a node of a release without MISSED records gets none",
          "[cluster]") {
  FakeCluster c(2);
  c.Start(1);
  MissedSharer sharer(&c.clock);
  c.fakes[0]->missed = {Record(70, {1})};
  c.fakes[1]->missing_features = wire::kFeatureMissed;
  sharer.Look(*c.writer->View());
  CHECK(c.fakes[1]->missed.empty());
}

TEST_CASE("a node that comes up while a MISSED record is stored has it too",
          "[cluster]") {
  FakeCluster c(2);
  c.Start(1);
  REQUIRE(c.Write(1, 1000).ok());
  c.fakes[1]->up = false;
  c.fakes[0]->interfere = [&c](rpc::Method method) -> std::optional<Answer> {
    if (method == wire::kMissed && !c.fakes[1]->up) {
      c.fakes[1]->up = true;
      c.fakes[1]->connection = 2;
    }
    return std::nullopt;
  };
  REQUIRE(
      c.writer->StoreMissed(Record(70, {1}).SerializeAsString()).ok());
  CHECK_FALSE(c.fakes[0]->missed.empty());
  CHECK(c.fakes[1]->missed.size() == 1);
}

}  // namespace
}  // namespace varve::cluster
