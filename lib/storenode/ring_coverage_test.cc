// What nodes tell of copies that went with a node that is gone.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <vector>

#include "lib/base/clock.h"
#include "lib/storenode/ring_coverage.h"
#include "lib/storenode/test_nodes.h"
#include "storage/engine/test_node.h"

namespace varve::storenode {
namespace {

using Ids = std::vector<uint64_t>;

proto::Coverage CoverageOf(Nodes& nodes, size_t node) {
  proto::Coverage coverage;
  (void)nodes.nodes[node]->Search(coverage);
  return coverage;
}

// Those of older rings.
Ids LostOf(Nodes& nodes, size_t node) {
  const proto::Coverage coverage = CoverageOf(nodes, node);
  Ids lost(coverage.lacks_without().begin(), coverage.lacks_without().end());
  std::erase_if(lost, [&coverage](uint64_t id) {
    const auto& members = coverage.newest_ring().members();
    return std::find(members.begin(), members.end(), id) != members.end();
  });
  return lost;
}

TEST_CASE("a node in place of a lost one lacks rows until it was compared",
          "[storenode]") {
  Nodes nodes(3);
  nodes.WriteAll(20, 2);
  const uint64_t lost = nodes.IdOf(2);
  CHECK(LostOf(nodes, 2).empty());
  CHECK(CoverageOf(nodes, 0).newest_ring().members_size() == 3);
  nodes.Wipe(2);
  CHECK_FALSE(CoverageOf(nodes, 2).has_newest_ring());
  nodes.PutRing(3);
  CHECK(LostOf(nodes, 2) == Ids{lost});
  // Slots of the lost one went to all of them.
  CHECK(LostOf(nodes, 0) == Ids{lost});
  // With a node away the comparison is not whole.
  nodes.is_up[1] = false;
  CHECK_FALSE(nodes.Pass(2).complete);
  CHECK(LostOf(nodes, 2) == Ids{lost});
  nodes.is_up[1] = true;
  CHECK(nodes.Pass(2).complete);
  CHECK(LostOf(nodes, 2).empty());
  CHECK(LostOf(nodes, 0) == Ids{lost});
  nodes.nodes[2]->Close();
  nodes.nodes[2]->Open();
  nodes.Listen(2);
  CHECK(LostOf(nodes, 2).empty());
}

TEST_CASE("who was not heard, or knows of rows that are missing, is named",
          "[storenode]") {
  Nodes nodes(3);
  nodes.Write(0, 1, OverMs(), 1);
  // Who began with the ring has missed nothing.
  CHECK(CoverageOf(nodes, 0).lacks_without().empty());
  nodes.nodes[0]->Close();
  nodes.nodes[0]->Open();
  nodes.Listen(0);
  const Ids others = {nodes.IdOf(1), nodes.IdOf(2)};
  const auto doubts = [&nodes] {
    const proto::Coverage coverage = CoverageOf(nodes, 0);
    Ids ids(coverage.lacks_without().begin(), coverage.lacks_without().end());
    std::sort(ids.begin(), ids.end());
    return ids;
  };
  CHECK(doubts().size() == 2);
  nodes.is_up[2] = false;
  auto repair = nodes.Start(0);
  CHECK(tests::BecomesTrue([&] { return doubts() == Ids{others[1]}; }));
  repair.reset();
  nodes.is_up[2] = true;
  repair = nodes.Start(0);
  CHECK(tests::BecomesTrue([&] { return doubts().empty(); }));
  // Writes went on without node 0.
  proto::Missed missed;
  missed.set_owner(nodes.IdOf(0));
  missed.add_slots(1);
  missed.set_start_ms(OverMs());
  missed.set_end_ms(OverMs() + 1);
  REQUIRE(nodes.nodes[1]
              ->Call(*nodes.nodes[1]->inserts, wire::kMissed,
                     missed.SerializeAsString())
              .ok());
  CHECK(tests::BecomesTrue([&] { return doubts() == Ids{others[0]}; }));
  // It is remembered when that node is gone.
  repair.reset();
  nodes.is_up[1] = false;
  repair = nodes.Start(0);
  CHECK(tests::BecomesTrue([&] { return doubts() == Ids{others[0]}; }));
}

TEST_CASE("what was heard counts for as long as the node listens",
          "[storenode]") {
  constexpr uint64_t kOther = 7;
  storage::TestNode node;
  node.Open();
  proto::Ring ring;
  ring.set_ring_id(1);
  ring.add_members()->set_node_id(node.engine->node_id());
  ring.add_members()->set_node_id(kOther);
  base::ManualClock clock(1'000'000);
  RingCoverage coverage(node.engine.get(), &clock);  // it began without a ring
  REQUIRE(node.engine->PutState("ring/1", ring.SerializeAsString()).ok());
  coverage.RingsChanged();
  const auto doubts = [&coverage] {
    proto::Coverage told;
    REQUIRE(coverage.Tell({0, 1}, told).ok());
    return Ids(told.lacks_without().begin(), told.lacks_without().end());
  };
  CHECK(coverage.NoteListening());
  clock.Advance(1'000);
  CHECK(doubts().empty());
  // As a stopped process that goes on.
  clock.Advance(1'000);
  CHECK(doubts() == Ids{kOther});
  CHECK_FALSE(coverage.NoteListening());
  CHECK(doubts() == Ids{kOther});
  coverage.NoteHeard(kOther, {});
  CHECK(doubts().empty());
  clock.Advance(1'000);
  CHECK(coverage.NoteListening());
  clock.Advance(1'000);
  CHECK(doubts().empty());
}

}  // namespace
}  // namespace varve::storenode
