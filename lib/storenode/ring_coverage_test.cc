// What nodes tell of copies that went with a node that is gone.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <vector>

#include "lib/base/clock.h"
#include "lib/storenode/kept_state.h"
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
  coverage.NoteHeard(kOther, {}, 0);
  CHECK(doubts().empty());
  clock.Advance(1'000);
  CHECK(coverage.NoteListening());
  clock.Advance(1'000);
  CHECK(doubts().empty());
}

TEST_CASE("a node tells of rows by old rings, and when it was whole",
          "[storenode]") {
  Nodes nodes(3);
  (void)CoverageOf(nodes, 0);  // the rings are looked at
  const proto::Coverage first = CoverageOf(nodes, 0);
  const auto newest = first.newest_ring().ring_id();
  CHECK(newest == 1);
  // Until it learnt of the ring others may have been in use.
  CHECK(first.other_rows_ms() > 0);
  CHECK(first.other_rows_ms() <= base::SystemClock().NowMs());
  CHECK(first.whole_at_ms() == 0);
  nodes.Write(0, 1, OverMs(), 1);  // by ring 1
  CHECK(CoverageOf(nodes, 0).other_rows_ms() == first.other_rows_ms());
  CHECK(nodes.Pass(0).complete);
  const proto::Coverage whole = CoverageOf(nodes, 0);
  CHECK(whole.whole_at_ms() > 0);
  // Too soon: rows by the old ring may have been under way.
  CHECK(whole.whole_at_ms() < whole.other_rows_ms());
  CHECK(whole.whole_from_ms() > 0);
  CHECK(whole.whole_from_ms() < OverMs());
  // What is cached by it stays.
  CHECK(whole.coverage_version() == first.coverage_version());
  // With a node away it is not.
  nodes.is_up[2] = false;
  CHECK_FALSE(nodes.Pass(0).complete);
  CHECK(CoverageOf(nodes, 0).whole_at_ms() == whole.whole_at_ms());
  nodes.is_up[2] = true;

  nodes.PutRing(3);
  const proto::Coverage later = CoverageOf(nodes, 0);
  CHECK(later.newest_ring().ring_id() == newest + 1);
  CHECK(later.other_rows_ms() >= whole.other_rows_ms());
  CHECK(later.other_rows_ms() <= base::SystemClock().NowMs());
  nodes.Write(0, 1, OverMs() + 1, 1);  // still by ring 1
  const proto::Coverage old = CoverageOf(nodes, 0);
  CHECK(old.other_rows_ms() > base::SystemClock().NowMs());
  nodes.nodes[0]->Close();
  nodes.nodes[0]->Open();
  nodes.Listen(0);
  const proto::Coverage again = CoverageOf(nodes, 0);
  CHECK(again.other_rows_ms() == old.other_rows_ms());
  CHECK(again.whole_at_ms() == whole.whole_at_ms());
  CHECK(again.whole_from_ms() == whole.whole_from_ms());
}

TEST_CASE("rows by an old ring end what select nodes have planned",
          "[storenode]") {
  TestNode node;
  storage::Engine& engine = node.role->engine();
  base::ManualClock clock(1'000'000);
  KeptState kept(&engine, &clock);
  proto::Ring ring;
  ring.set_replication_factor(1);
  ring.add_members()->set_node_id(engine.node_id());
  for (const uint64_t id : {1, 2}) {
    ring.set_ring_id(id);
    ring.set_last_ms(static_cast<int64_t>(id));
    REQUIRE(kept.PutRing(ring).ok());
    REQUIRE(kept.NoteRing(id).ok());
  }
  const auto version = [&engine] { return engine.coverage_version(); };
  const auto other_rows_ms = [&kept] {
    proto::Coverage coverage;
    REQUIRE(kept.ring_coverage().Tell({0, 1}, coverage).ok());
    return coverage.other_rows_ms();
  };
  clock.Advance(60'000);
  uint64_t before = version();
  REQUIRE(kept.NoteRing(2).ok());
  CHECK(version() == before);
  REQUIRE(kept.NoteRing(1).ok());
  CHECK(version() != before);
  CHECK(other_rows_ms() > clock.NowMs());
  // They come on: nobody has become whole meanwhile, nothing is to be ended.
  before = version();
  for (int i = 0; i < 100; ++i) {
    clock.Advance(1'000);
    REQUIRE(kept.NoteRing(1).ok());
    REQUIRE(other_rows_ms() > clock.NowMs());
  }
  CHECK(version() == before);
  clock.Advance(60'000);
  REQUIRE(kept.NoteRing(1).ok());
  CHECK(version() != before);
  // Pulled from a node that has left.
  clock.Advance(60'000);
  before = version();
  REQUIRE(kept.ring_coverage().NoteForeign().ok());
  CHECK(version() != before);
  CHECK(other_rows_ms() == clock.NowMs());
}

TEST_CASE("what came by an old ring is to be compared once no more comes",
          "[storenode]") {
  TestNode node;
  storage::Engine& engine = node.role->engine();
  base::ManualClock clock(1'000'000);
  KeptState kept(&engine, &clock);
  RingCoverage& coverage = kept.ring_coverage();
  CHECK_FALSE(coverage.ToCompare());
  proto::Ring ring;
  ring.set_replication_factor(1);
  ring.set_ring_id(1);
  ring.set_last_ms(1);
  ring.add_members()->set_node_id(engine.node_id());
  ring.add_members()->set_node_id(7);
  REQUIRE(kept.PutRing(ring).ok());
  CHECK(coverage.ToCompare());
  // Rows may have been under way when that comparison began.
  REQUIRE(coverage.NoteCompared(clock.NowMs(), 0).ok());
  CHECK(coverage.ToCompare());
  clock.Advance(30'000);
  REQUIRE(coverage.NoteCompared(clock.NowMs(), 0).ok());
  CHECK_FALSE(coverage.ToCompare());
  // The other member took some later, and may take more.
  coverage.NoteHeard(7, {}, clock.NowMs() + 5'000);
  CHECK_FALSE(coverage.ToCompare());
  clock.Advance(5'000);
  CHECK(coverage.ToCompare());
}

}  // namespace
}  // namespace varve::storenode
