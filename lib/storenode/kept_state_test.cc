#include <catch2/catch.hpp>
#include <filesystem>

#include "lib/base/clock.h"
#include "lib/base/strings.h"
#include "lib/model/time_range.h"
#include "lib/storenode/kept_state.h"
#include "lib/storenode/test_node.h"

namespace varve::storenode {
namespace {

TEST_CASE("a plan made before a MISSED record or a ring is refused",
          "[storenode]") {
  TestNode node;
  const auto version = [&node] {
    const auto answer = node.Call(*node.selects, wire::kCoverage, "");
    REQUIRE(answer.ok());
    proto::Coverage coverage;
    REQUIRE(coverage.ParseFromString(*answer));
    return coverage.coverage_version();
  };
  proto::RollupRequest request = SumByJob("rate");
  request.mutable_search()->set_coverage_version(version());
  CHECK(node.Rollup(request).ok());
  const auto refused = [&] {
    return absl::IsAborted(node.Rollup(request).status());
  };
  proto::Missed missed;
  missed.set_owner(7);
  missed.set_end_ms(1);
  REQUIRE(node.Call(*node.inserts, wire::kMissed, missed.SerializeAsString())
              .ok());
  CHECK(refused());
  request.mutable_search()->set_coverage_version(version());
  CHECK_FALSE(refused());
  // Rows routed by a ring nobody has put.
  const auto defined = node.Define({{"__name__", "up"}});
  node.Data(defined.ref_epoch(), defined.refs(0),
            base::SystemClock().NowMs(), 1);
  CHECK(refused());
  const auto rings = node.Call(*node.selects, wire::kGetRings, "");
  REQUIRE(rings.ok());
  proto::RingList list;
  REQUIRE(list.ParseFromString(*rings));
  REQUIRE(list.rings_size() == 1);
  CHECK(list.rings(0).ring_id() == 1);
  CHECK(list.rings(0).members().empty());
  // Rows that a crash may take from this node alone.
  request.mutable_search()->set_coverage_version(version());
  CHECK_FALSE(refused());
  node.Data(defined.ref_epoch(), defined.refs(0),
            base::SystemClock().NowMs(), 1, /*ack_level=*/1);
  CHECK(refused());
}

TEST_CASE("rings widen and MISSED records join, over a restart",
          "[storenode]") {
  TestNode node;
  proto::Ring ring;
  ring.set_ring_id(9);
  ring.add_members()->set_node_id(1);
  for (const auto& [first, last] : {std::pair{50, 60}, {40, 55}, {58, 70}}) {
    ring.set_first_ms(first);
    ring.set_last_ms(last);
    CHECK(node.Call(*node.inserts, wire::kPutRing, ring.SerializeAsString())
              .ok());
  }
  const uint64_t before = node.role->engine().coverage_version();
  proto::Missed missed;
  missed.set_owner(3);
  missed.set_ring(9);
  missed.set_end_ms(100);
  for (const uint32_t slot : {7u, 5u, 7u, 65'535u}) {
    missed.clear_slots();
    missed.add_slots(slot);
    CHECK(node.Call(*node.inserts, wire::kMissed, missed.SerializeAsString())
              .ok());
  }
  CHECK(node.role->engine().coverage_version() != before);
  missed.add_slots(65'536);
  CHECK_FALSE(
      node.Call(*node.inserts, wire::kMissed, missed.SerializeAsString())
          .ok());
  node.Close();
  node.Open();
  proto::RingList rings;
  REQUIRE(rings.ParseFromString(
      *node.Call(*node.selects, wire::kGetRings, "")));
  REQUIRE(rings.rings_size() == 1);
  CHECK(rings.rings(0).first_ms() == 40);
  CHECK(rings.rings(0).last_ms() == 70);
  KeptState kept(&node.role->engine());
  const auto records = kept.Missed();
  REQUIRE(records.ok());
  REQUIRE(records->size() == 1);
  CHECK(std::vector<uint32_t>((*records)[0].slots().begin(),
                              (*records)[0].slots().end()) ==
        std::vector<uint32_t>{5, 7, 65'535});
}

TEST_CASE("many slots are kept as a bitmap, and told as numbers",
          "[storenode]") {
  TestNode node;
  proto::Missed missed;
  missed.set_owner(3);
  missed.set_levels_above(1);
  missed.set_end_ms(100);
  for (uint32_t slot = 0; slot < 1 << 16; slot += 2) missed.add_slots(slot);
  const auto put = [&node, &missed] {
    return node.Call(*node.inserts, wire::kMissed, missed.SerializeAsString())
        .ok();
  };
  REQUIRE(put());
  node.Close();
  node.Open();
  missed.clear_slots();
  missed.add_slots(1);
  REQUIRE(put());
  const auto kept =
      node.role->engine().ListState(storage::kMissedStatePrefix);
  REQUIRE(kept.ok());
  REQUIRE(kept->size() == 1);
  CHECK(kept->begin()->second.size() < 9'000);
  proto::MissedList list;
  REQUIRE(list.ParseFromString(
      *node.Call(*node.inserts, wire::kGetMissed, "")));
  REQUIRE(list.records_size() == 1);
  CHECK(list.records(0).slot_bits().empty());
  CHECK(list.records(0).slots_size() == (1 << 15) + 1);
  CHECK(list.records(0).slots(1) == 1);
  CHECK(list.records(0).slots(2) == 2);
  missed.set_slot_bits("no set");
  CHECK_FALSE(put());
}

TEST_CASE("a ring that cannot be read is known by its id", "[storenode]") {
  TestNode node;
  storage::Engine& engine = node.role->engine();
  KeptState kept(&engine);
  proto::Ring ring;
  ring.set_ring_id(9);
  ring.add_members()->set_node_id(engine.node_id());
  REQUIRE(kept.PutRing(ring).ok());
  REQUIRE(engine.PutState("ring/00000000000000ab", "no ring").ok());
  const auto rings = kept.Rings();
  REQUIRE(rings.ok());
  REQUIRE(rings->rings_size() == 2);
  CHECK(rings->rings(0).ring_id() == 9);
  CHECK(rings->rings(1).ring_id() == 0xab);
  CHECK(rings->rings(1).members().empty());
  // What is told by the others goes on.
  proto::Coverage coverage;
  REQUIRE(kept.ring_coverage().Tell({0, 1}, coverage).ok());
  CHECK(coverage.newest_ring().members_size() == 1);
}

TEST_CASE("MISSED records of a hint log are struck out, no others",
          "[storenode]") {
  TestNode node;
  storage::Engine& engine = node.role->engine();
  proto::Missed missed;
  missed.set_owner(3);
  missed.set_end_ms(100);
  missed.add_slots(5);
  for (const uint64_t log : {0, 71, 72}) {
    missed.set_hint_holder(log == 0 ? 0 : 9);
    missed.set_hint_log(log);
    REQUIRE(
        node.Call(*node.inserts, wire::kMissed, missed.SerializeAsString())
            .ok());
  }
  CHECK(KeptState(&engine).Missed()->size() == 3);
  {
    KeptState kept(&engine);
    REQUIRE(kept.HintLogs()->size() == 2);
    // One owner and span is told once.
    CHECK(kept.MissedIn({0, 100})->size() == 1);
    const uint64_t version = engine.coverage_version();
    REQUIRE(kept.Strike({.holder = 8, .owner = 3, .log = 71}).ok());
    CHECK(engine.coverage_version() == version);
    REQUIRE(kept.Strike({.holder = 9, .owner = 3, .log = 71}).ok());
    CHECK(engine.coverage_version() != version);
    CHECK(*kept.HintLogs() == std::vector<repair::HintLogName>{
                                  {.holder = 9, .owner = 3, .log = 72}});
    CHECK(kept.MissedIn({0, 100})->size() == 1);
  }
  node.Close();
  node.Open();
  KeptState kept(&node.role->engine());
  CHECK(kept.Missed()->size() == 2);
  REQUIRE(kept.Strike({.holder = 9, .owner = 3, .log = 72}).ok());
  CHECK(kept.HintLogs()->empty());
  // What has no hints stays.
  CHECK(kept.MissedIn({0, 100})->size() == 1);
}

TEST_CASE("MISSED records go when their time is out of retention",
          "[storenode]") {
  constexpr int64_t kHourMs = 3'600'000;
  constexpr int64_t kDayMs = 24 * kHourMs;
  TestNode node({"-retentionPeriod=30d"});
  storage::Engine& engine = node.role->engine();
  {
    KeptState kept(&engine);
    proto::Missed missed;
    missed.set_ring(9);
    missed.add_slots(5);
    // One of this cluster, one with hints, one without an owner.
    for (const auto& [owner, log] : {std::pair{3, 0}, {3, 71}, {0, 0}}) {
      for (const int64_t end_ms : {kDayMs, 2 * kDayMs}) {
        missed.set_owner(owner);
        missed.set_hint_holder(log == 0 ? 0 : 4);
        missed.set_hint_log(log);
        missed.set_start_ms(end_ms - kHourMs);
        missed.set_end_ms(end_ms);
        REQUIRE(kept.PutMissed(missed).ok());
      }
    }
    // The retention is not known yet.
    REQUIRE(kept.DropOld(90 * kDayMs).ok());
    CHECK(*kept.MissedCount() == 6);
    REQUIRE(kept.NoteRetention(30 * kDayMs, 31 * kDayMs).ok());
    REQUIRE(kept.DropOld(31 * kDayMs).ok());
    CHECK(*kept.MissedCount() == 6);
    const uint64_t version = engine.coverage_version();
    REQUIRE(kept.DropOld(31 * kDayMs + kHourMs).ok());
    CHECK(*kept.MissedCount() == 3);
    CHECK(kept.Missed()->size() == 3);
    CHECK(kept.MissedIn({0, kDayMs})->empty());
    CHECK(kept.HintLogs()->size() == 1);
    CHECK(engine.coverage_version() != version);
  }
  node.Close();
  node.Open();
  CHECK(KeptState(&node.role->engine()).Missed()->size() == 3);
}

TEST_CASE("what no known node owns is told by its ring and level",
          "[storenode]") {
  TestNode node;
  proto::Missed missed;
  missed.set_end_ms(100);
  missed.add_slots(5);
  for (const auto& [owner, ring] : {std::pair{0, 7}, {0, 8}, {3, 8}, {3, 9}}) {
    missed.set_owner(owner);
    missed.set_ring(ring);
    missed.set_levels_above(ring == 8 ? 1 : 0);
    REQUIRE(
        node.Call(*node.inserts, wire::kMissed, missed.SerializeAsString())
            .ok());
  }
  proto::CoverageRequest request;
  request.set_end_ms(50);
  proto::Coverage coverage;
  REQUIRE(coverage.ParseFromString(*node.Call(
      *node.selects, wire::kCoverage, request.SerializeAsString())));
  REQUIRE(coverage.missed_size() == 3);
  CHECK(coverage.missed(0).ring() == 7);
  CHECK(coverage.missed(0).levels_above() == 0);
  CHECK(coverage.missed(1).ring() == 8);
  CHECK(coverage.missed(1).levels_above() == 1);
  CHECK(coverage.missed(2).owner() == 3);
  CHECK(coverage.missed(2).ring() == 0);
  // Listed are those of levels above.
  proto::MissedList list;
  REQUIRE(list.ParseFromString(
      *node.Call(*node.inserts, wire::kGetMissed, "")));
  REQUIRE(list.records_size() == 2);
  CHECK(list.records(0).owner() == 0);
  CHECK(list.records(1).owner() == 3);
  CHECK(list.records(1).slots_size() == 1);
}

TEST_CASE("a node whose retention grew lacks what it did not keep",
          "[storenode]") {
  TestNode node({"-retentionPeriod=100y"});
  storage::Engine& engine = node.role->engine();
  const auto records = [&engine] {
    const auto missed = KeptState(&engine).Missed();
    REQUIRE(missed.ok());
    return *missed;
  };
  CHECK(records().empty());
  KeptState kept(&engine);
  // Shorter: what is older is not read any more.
  REQUIRE(kept.NoteRetention(1'000, 50'000).ok());
  REQUIRE(kept.NoteRetention(1'000, 60'000).ok());
  CHECK(records().empty());
  const uint64_t version = engine.coverage_version();
  REQUIRE(kept.NoteRetention(30'000, 70'000).ok());
  REQUIRE(records().size() == 1);
  CHECK(records()[0].owner() == engine.node_id());
  CHECK(records()[0].start_ms() == 0);
  CHECK(records()[0].end_ms() == 69'000);
  CHECK(engine.coverage_version() != version);
  CHECK(kept.MissedIn({69'000, 69'500})->size() == 1);
  CHECK(kept.MissedIn({69'001, 69'500})->empty());
  // The next start, and one after a longer retention than there is time.
  REQUIRE(kept.NoteRetention(30'000, 80'000).ok());
  REQUIRE(kept.NoteRetention(90'000, 80'000).ok());
  REQUIRE(records().size() == 2);
  REQUIRE(kept.NoteRetention(99'000, 80'000).ok());
  CHECK(records().size() == 2);
  // What it was cannot be read any more: it may have been any.
  REQUIRE(engine.PutState("retention", "no number").ok());
  REQUIRE(kept.NoteRetention(99'000, 85'000).ok());
  REQUIRE(records().size() == 3);
  CHECK(kept.MissedIn({84'000, 84'500})->size() == 1);
  REQUIRE(kept.NoteRetention(99'000, 86'000).ok());
  CHECK(records().size() == 3);
}

TEST_CASE("a retention that grows with a restart is noticed", "[storenode]") {
  TestNode node({"-retentionPeriod=2d"});
  node.Close();
  node.Open();
  CHECK(KeptState(&node.role->engine()).Missed()->empty());
  node.Close();
  int exit_code = 0;
  REQUIRE(node.flag_set.Parse({"-retentionPeriod=3d"}, &exit_code).ok());
  const int64_t before_ms = base::SystemClock().NowMs();
  node.Open();
  const auto records = KeptState(&node.role->engine()).Missed();
  REQUIRE(records.ok());
  REQUIRE(records->size() == 1);
  CHECK(records->front().end_ms() >= before_ms - 2 * model::kDayMs);
  CHECK(records->front().end_ms() <=
        base::SystemClock().NowMs() - 2 * model::kDayMs);
}

TEST_CASE("a ring is noted again after a write of it failed", "[storenode]") {
  TestNode node;
  storage::Engine& engine = node.role->engine();
  KeptState kept(&engine);
  REQUIRE(kept.NoteRing(7).ok());
  // As on a disk that cannot be written: nothing is taken any more.
  REQUIRE(node.role->Close().ok());
  CHECK_FALSE(kept.NoteRing(8).ok());
  // Not taken for known: rows of it must not be stored unnoticed.
  CHECK_FALSE(kept.NoteRing(8).ok());
  // The last one that was kept is known without a write.
  CHECK(kept.NoteRing(7).ok());
}

TEST_CASE("a restored node may have missed rows of any time", "[storenode]") {
  namespace fs = std::filesystem;
  TestNode node;
  const auto defined = node.Define({{"__name__", "up"}});
  node.Data(defined.ref_epoch(), defined.refs(0), base::SystemClock().NowMs(),
            1);
  const auto snapshot = node.role->engine().CreateSnapshot();
  REQUIRE(snapshot.ok());
  const std::string restored_path = node.path + "-restored";
  fs::copy(base::StrCat(node.path, "/snapshots/", *snapshot), restored_path,
           fs::copy_options::recursive);
  node.Close();
  fs::remove_all(node.path);
  fs::rename(restored_path, node.path);
  node.Open();
  const auto records = KeptState(&node.role->engine()).Missed();
  REQUIRE(records.ok());
  REQUIRE(records->size() == 1);
  const proto::Missed& missed = records->front();
  CHECK(missed.owner() == node.role->engine().node_id());
  CHECK(missed.slots().empty());
  CHECK(missed.start_ms() == 0);
  CHECK(missed.end_ms() == model::kTimestampMaxMs);
}

}  // namespace
}  // namespace varve::storenode
