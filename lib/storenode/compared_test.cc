// MISSED records struck out by comparisons, without a network.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/model/slot_set.h"
#include "lib/storenode/test_nodes.h"

namespace varve::storenode {
namespace {

using model::kDayMs;
using proto::Missed;
using repair::kHourMs;

const model::TimeRange kSpan = {OverMs(), OverMs() + kHourMs - 1};

// Three nodes with two copies. Series are written to the second and the third
// one; the first one, which owns them, lacks them.
struct MissedNodes : Nodes {
  MissedNodes() : Nodes(3) {}

  // A series that the first two own, from a number on.
  int Owned(int from = 0) {
    while (!Owns(0, SlotOf(from)) || !Owns(1, SlotOf(from))) ++from;
    return from;
  }
  // At the keeper, of the first node.
  Missed Record(int series, Missed::Keeper keeper = Missed::ROWS) {
    Missed missed;
    missed.set_owner(IdOf(0));
    missed.set_ring(1);
    missed.add_slots(SlotOf(series));
    missed.set_start_ms(kSpan.start_ms);
    missed.set_end_ms(kSpan.end_ms);
    missed.set_keeper(keeper);
    return missed;
  }
  void Put(size_t keeper, const Missed& missed) {
    REQUIRE(nodes[keeper]
                ->Call(*nodes[keeper]->inserts, wire::kMissed,
                       missed.SerializeAsString())
                .ok());
  }
  // What the keeper's answers say of missing copies.
  int Told(size_t keeper) {
    proto::Coverage coverage;
    nodes[keeper]->Search(coverage);
    return coverage.missed_size();
  }
};

TEST_CASE("a record goes when its owner has compared itself with its keeper",
          "[storenode]") {
  MissedNodes nodes;
  const int series = nodes.Owned();
  for (const size_t keeper : {1, 2}) {
    nodes.Write(keeper, series, OverMs(), 1);
    nodes.Put(keeper, nodes.Record(series));
    CHECK(nodes.Told(keeper) == 1);
  }
  // Nobody but the owner may say so.
  CHECK(nodes.Pass(1).complete);
  CHECK(nodes.Told(2) == 1);
  nodes.is_up[1] = false;
  CHECK_FALSE(nodes.Pass(0).complete);
  CHECK(nodes.RowsOf(0).size() == 1);
  CHECK(nodes.Told(1) == 1);
  CHECK(nodes.Told(2) == 0);
  nodes.is_up[1] = true;
  CHECK(nodes.Pass(0).complete);
  CHECK(nodes.Told(1) == 0);
  // For good.
  nodes.nodes[1]->Close();
  nodes.nodes[1]->Open();
  CHECK(nodes.Told(1) == 0);
}

TEST_CASE("a record stays that the comparison does not cover", "[storenode]") {
  MissedNodes nodes;
  nodes.MarkCompared();  // else hours that go on are compared too
  const int series = nodes.Owned();
  int foreign = 0;
  while (nodes.Owns(0, SlotOf(foreign))) ++foreign;
  const int64_t now_ms = base::SystemClock().NowMs();
  Missed wrong_slot = nodes.Record(foreign);
  Missed some_slot = nodes.Record(series);
  some_slot.add_slots(SlotOf(foreign));
  some_slot.set_ring(2);
  Missed open_hour = nodes.Record(series);
  open_hour.set_end_ms(now_ms);
  Missed too_old = nodes.Record(series);
  too_old.set_start_ms(now_ms - 21 * kDayMs);
  Missed no_slots = nodes.Record(series);
  no_slots.clear_slots();
  no_slots.set_ring(3);
  Missed unknown = nodes.Record(series, Missed::UNKNOWN);
  unknown.set_ring(4);
  Missed others = nodes.Record(series);
  others.set_owner(nodes.IdOf(2));
  nodes.Write(1, series, OverMs(), 1);
  int kept = 0;
  for (const Missed& one : {wrong_slot, some_slot, open_hour, too_old,
                            no_slots, unknown, others}) {
    nodes.Put(1, one);
    ++kept;
  }
  CHECK(nodes.Pass(0).complete);
  const auto records = nodes.nodes[1]->role->kept_state().Missed();
  REQUIRE(records.ok());
  CHECK(records->size() == static_cast<size_t>(kept));
}

TEST_CASE("a record of many slots goes when all of them were compared",
          "[storenode]") {
  MissedNodes nodes;
  nodes.MarkCompared();
  const int series = nodes.Owned();
  nodes.Write(1, series, OverMs(), 1);
  Missed all_owned = nodes.Record(series);
  for (uint32_t slot = 0; slot < model::SlotSet::kSlots; ++slot) {
    const auto at = static_cast<uint16_t>(slot);
    if (nodes.Owns(0, at) && nodes.Owns(1, at)) all_owned.add_slots(slot);
  }
  Missed one_more = all_owned;
  one_more.set_ring(2);
  uint32_t foreign = 0;
  while (nodes.Owns(0, static_cast<uint16_t>(foreign))) ++foreign;
  one_more.add_slots(foreign);
  nodes.Put(1, all_owned);
  nodes.Put(1, one_more);
  CHECK(nodes.Pass(0).complete);
  const auto records = nodes.nodes[1]->role->kept_state().Missed();
  REQUIRE(records.ok());
  REQUIRE(records->size() == 1);
  CHECK((*records)[0].ring() == 2);
  CHECK_FALSE((*records)[0].slot_bits().empty());
}

TEST_CASE("a record stays that was put since the mark", "[storenode]") {
  MissedNodes nodes;
  const int series = nodes.Owned();
  nodes.Put(1, nodes.Record(series));
  bool wrote = false;
  nodes.watch = [&](rpc::ServerCall& call) -> std::optional<absl::Status> {
    if (call.method() != wire::kTenants || wrote) return std::nullopt;
    wrote = true;
    nodes.Put(1, nodes.Record(series));
    return std::nullopt;
  };
  nodes.Pass(0);
  REQUIRE(wrote);
  CHECK(nodes.Told(1) == 1);
  nodes.Pass(0);
  CHECK(nodes.Told(1) == 0);
}

TEST_CASE("answers to rows tell of marks", "[storenode]") {
  MissedNodes nodes;
  const int series = nodes.Owned();
  const auto defined = nodes.nodes[2]->Define(Up(series));
  int64_t at_ms = OverMs();
  const auto mark_of = [&] {
    return nodes.nodes[2]
        ->Data(defined.ref_epoch(), defined.refs(0), ++at_ms, 1)
        .mark();
  };
  const uint64_t first = mark_of();
  CHECK(first != 0);
  // Without records none is given.
  nodes.Pass(0);
  CHECK(mark_of() == first);
  // With some each node gives one: this one may have the rows.
  nodes.Put(1, nodes.Record(series));
  nodes.Pass(0);
  CHECK(mark_of() == first + 1);
  nodes.Put(2, nodes.Record(series));
  nodes.Pass(0);
  CHECK(mark_of() == first + 3);
}

TEST_CASE("a record stays while rows are refused or damaged", "[storenode]") {
  MissedNodes nodes;
  nodes.flags = {"-storage.maxHourlySeries=1"};
  nodes.AddNode();
  nodes.copies = 4;
  nodes.PutRing(4);
  for (int i = 0; i < 3; ++i) nodes.Write(0, i, OverMs(), 1);
  Missed refused = nodes.Record(1);
  refused.set_owner(nodes.IdOf(3));
  nodes.Put(0, refused);
  CHECK_FALSE(nodes.Pass(3).complete);
  CHECK(nodes.Told(0) == 1);

  for (int i = 0; i < 40; ++i) {
    for (int k = 0; k < 20; ++k) nodes.Write(1, i, OverMs() + k, i * 0.37 + k);
  }
  nodes.Put(1, nodes.Record(1));
  REQUIRE(nodes.EngineOf(1).Flush().ok());
  nodes.nodes[1]->Close();
  std::filesystem::path largest;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(
           nodes.nodes[1]->path + "/data")) {
    if (entry.path().extension() != ".sst") continue;
    if (largest.empty() || entry.file_size() > file_size(largest)) {
      largest = entry.path();
    }
  }
  std::fstream file(largest, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(20);
  file.put('?');
  REQUIRE(file.good());
  file.close();
  nodes.nodes[1]->Open();
  nodes.Listen(1);
  CHECK(nodes.Told(1) == 1);
  CHECK_FALSE(nodes.Pass(0).complete);
  CHECK(nodes.Told(1) == 1);
}

TEST_CASE("a record stays while a delete drops rows of its owner",
          "[storenode]") {
  MissedNodes nodes;
  const int series = nodes.Owned();
  nodes.Write(0, series, OverMs() + kHourMs, 1);
  storage::DeleteRequest request;
  request.tenant = kTestTenant;
  request.matcher_groups = {{{.type = model::MatchType::kEqual,
                              .name = "series",
                              .value = std::to_string(series)}}};
  request.accept_ms = base::SystemClock().NowMs();
  REQUIRE(nodes.EngineOf(0).Delete(request).ok());
  // It was written when all of that was over.
  nodes.Write(1, series, OverMs(), 1);
  nodes.Put(1, nodes.Record(series));
  const auto repair = nodes.Start(0);
  // Not by the first pass, which pulls it, and not by those that know of it.
  for (int64_t passes = 1; passes <= 3; ++passes) {
    nodes.nodes[0]->role->repair_parts().progress->Force();
    CHECK(tests::BecomesTrue(
        [&] { return nodes.View(0).passes == passes; }));
    CHECK(nodes.View(0).complete);
    CHECK(nodes.View(0).dropped_rows == 1);
    CHECK(nodes.RowsOf(0).empty());
    CHECK(nodes.Told(1) == 1);
  }
}

TEST_CASE("a record of hints goes when its owner was compared with all",
          "[storenode]") {
  MissedNodes nodes;
  const int series = nodes.Owned();
  nodes.Write(2, series, OverMs(), 1);
  Missed hinted = nodes.Record(series, Missed::HINTS);
  hinted.set_hint_holder(nodes.IdOf(1));
  hinted.set_hint_log(7);  // lost
  nodes.Put(1, hinted);
  nodes.is_up[2] = false;
  CHECK_FALSE(nodes.Pass(0).complete);
  CHECK(nodes.Told(1) == 1);
  nodes.is_up[2] = true;
  CHECK(nodes.Pass(0).complete);
  CHECK(nodes.Told(1) == 0);
  // Not when there may be others that the owner does not know.
  hinted.set_ring(99);
  nodes.Put(1, hinted);
  CHECK(nodes.Pass(0).complete);
  CHECK(nodes.Told(1) == 1);
  proto::Ring ring;
  ring.set_ring_id(99);
  ring.add_members()->set_node_id(nodes.IdOf(2));
  const auto put = [&] {
    REQUIRE(nodes.nodes[0]
                ->Call(*nodes.nodes[0]->inserts, wire::kPutRing,
                       ring.SerializeAsString())
                .ok());
  };
  ring.add_members()->set_node_id(77);
  put();
  nodes.Pass(0);
  CHECK(nodes.Told(1) == 1);
  ring.mutable_members()->RemoveLast();
  put();
  nodes.Pass(0);
  CHECK(nodes.Told(1) == 0);
  // Records of rows and of hints are one of hints.
  nodes.Put(1, hinted);
  nodes.Put(1, [&] {
    Missed rows = hinted;
    rows.set_keeper(Missed::ROWS);
    return rows;
  }());
  nodes.is_up[2] = false;
  CHECK_FALSE(nodes.Pass(0).complete);
  CHECK(nodes.Told(1) == 1);
}

TEST_CASE("a mark of an earlier start of the keeper strikes nothing",
          "[storenode]") {
  MissedNodes nodes;
  const int series = nodes.Owned();
  nodes.Put(1, nodes.Record(series));
  proto::ComparedRequest request;
  request.set_owner(nodes.IdOf(0));
  const auto kept = [&]() -> KeptState& {
    return nodes.nodes[1]->role->kept_state();
  };
  const auto mark = kept().Compared(request);
  REQUIRE(mark.ok());
  CHECK(mark->records() == 1);
  model::SlotSet slots;
  slots.Add(SlotOf(series));
  request.set_slots(slots.Bytes());
  request.set_end_ms(kSpan.end_ms);
  request.set_mark(mark->mark());
  nodes.nodes[1]->Close();
  nodes.nodes[1]->Open();
  CHECK(absl::IsFailedPrecondition(kept().Compared(request).status()));
  CHECK(nodes.Told(1) == 1);
  // A record of before the start is one from before each mark.
  request.set_mark(0);
  request.set_mark(kept().Compared(request)->mark());
  const auto struck = kept().Compared(request);
  REQUIRE(struck.ok());
  CHECK(struck->records() == 0);
  CHECK(nodes.Told(1) == 0);
}

}  // namespace
}  // namespace varve::storenode
