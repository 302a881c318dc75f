// Storage nodes that will not be back, without a network.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "lib/base/byte_coding.h"
#include "lib/base/log.h"
#include "lib/storenode/forget_node.h"
#include "lib/storenode/test_nodes.h"
#include "lib/wire/convert.h"
#include "lib/wire/data_frame_builder.h"
#include "storage/engine/hints.h"

namespace varve::storenode {
namespace {

int64_t ErrorsLogged() {
  int64_t lines = 0;
  for (const base::LogCount& count : base::LogCounts()) {
    if (count.level == base::LogLevel::kError) lines += count.lines;
  }
  return lines;
}

// Three nodes of which the third has left, at an address of its own.
struct LeftNodes : Nodes {
  LeftNodes() : Nodes(3) {
    PutRing(2);
    is_up[2] = false;
  }

  auto Forget(const std::string& node, bool force = false) {
    const NodeRepairParts parts = nodes[0]->role->repair_parts();
    return ForgetNode({.engine = parts.engine,
                       .kept = parts.kept,
                       .progress = parts.progress},
                      node, force);
  }
  std::string TextOf(size_t node) {
    return absl::StrFormat("%016x", IdOf(node));
  }
  // A row that the first node keeps for the third, and its record; its log.
  uint64_t Hint() {
    proto::HintDefineRequest request;
    request.set_owner(IdOf(2));
    proto::DefineRequest::Series& series = *request.add_series();
    wire::ToProto(kTestTenant, *series.mutable_tenant());
    series.set_labels(CanonicalOf(Up(1)));
    const auto answer = nodes[0]->Call(*nodes[0]->inserts, wire::kHintDefine,
                                       request.SerializeAsString());
    REQUIRE(answer.ok());
    proto::HintDefineResponse defined;
    REQUIRE(defined.ParseFromString(*answer));
    const int64_t at_ms = OverMs();
    const double value = 1;
    wire::DataFrameBuilder builder;
    builder.Start(1, at_ms);
    builder.Add(kTestTenant, defined.refs(0), std::span(&at_ms, 1),
                std::span(&value, 1));
    std::string payload;
    base::PutFixedLe<uint64_t>(payload, IdOf(2));
    REQUIRE(nodes[0]
                ->Call(*nodes[0]->inserts, wire::kHintData,
                       payload + builder.Finish(0, defined.hint_log(), true))
                .ok());
    PutMissed(IdOf(2), defined.hint_log());
    return defined.hint_log();
  }
  void PutMissed(uint64_t owner, uint64_t log = 0) {
    proto::Missed missed;
    missed.set_owner(owner);
    missed.add_slots(1);
    missed.set_start_ms(OverMs());
    missed.set_end_ms(OverMs());
    if (log != 0) missed.set_hint_holder(IdOf(0));
    missed.set_hint_log(log);
    REQUIRE(nodes[0]
                ->Call(*nodes[0]->inserts, wire::kMissed,
                       missed.SerializeAsString())
                .ok());
  }
  size_t HintLogs() { return EngineOf(0).hints().Pending().size(); }
  std::vector<uint64_t> Missed() {
    const auto missed = nodes[0]->role->kept_state().MissedIn(
        {OverMs(), OverMs()});
    REQUIRE(missed.ok());
    std::vector<uint64_t> owners;
    for (const MissedSpan& one : *missed) owners.push_back(one.owner);
    return owners;
  }
  // That the first node tells of the third.
  std::string Address() {
    const auto rings = nodes[0]->role->kept_state().Rings();
    REQUIRE(rings.ok());
    std::string address;
    for (const proto::Ring& ring : rings->rings()) {
      for (const auto& member : ring.members()) {
        if (member.node_id() == IdOf(2)) address += member.address();
      }
    }
    return address;
  }
};

TEST_CASE("of a forgotten node no record stays, no hint, and no address",
          "[storenode]") {
  LeftNodes nodes;
  const int64_t errors = ErrorsLogged();
  const uint64_t log = nodes.Hint();
  nodes.PutMissed(nodes.IdOf(1));
  CHECK(nodes.Address() == "2");
  CHECK(nodes.Pass(0).peers.size() == 2);
  REQUIRE(nodes.HintLogs() == 1);
  const auto forgotten = nodes.Forget("2");
  REQUIRE(forgotten.ok());
  REQUIRE(forgotten->size() == 1);
  CHECK((*forgotten)[0].node_id == nodes.IdOf(2));
  CHECK((*forgotten)[0].address == "2");
  CHECK((*forgotten)[0].missed_records == 1);
  CHECK((*forgotten)[0].hint_bytes > 0);
  CHECK(nodes.Missed() == std::vector<uint64_t>{nodes.IdOf(1)});
  // A crash here changes nothing.
  nodes.nodes[0]->Close();
  nodes.nodes[0]->Open();
  nodes.Listen(0);
  CHECK(nodes.Address().empty());
  CHECK(nodes.Missed() == std::vector<uint64_t>{nodes.IdOf(1)});
  {
    const auto repair = nodes.Start(0);
    CHECK(tests::BecomesTrue([&nodes] { return nodes.HintLogs() == 0; }));
  }
  CHECK(nodes.nodes[0]
            ->metrics->AddCounter("varve_hints_dropped_rows_total")
            .value() == 1);
  CHECK(ErrorsLogged() == errors);
  // Another node that has a record of it must not take it for replayed.
  CHECK(nodes.EngineOf(0).hints().StateOf(nodes.IdOf(2), log) ==
        storage::HintState::kUnknown);
  const auto view = nodes.Pass(0);
  CHECK(view.complete);
  REQUIRE(view.peers.size() == 1);
  CHECK(view.peers[0].node_id == nodes.IdOf(1));
  CHECK(nodes.Forget("2").ok());  // nothing is left to do
}

TEST_CASE("a forgotten node that comes back is one like the others",
          "[storenode]") {
  LeftNodes nodes;
  REQUIRE(nodes.Forget(nodes.TextOf(2)).ok());
  nodes.is_up[2] = true;
  nodes.Write(2, 1, OverMs(), 1);
  CHECK(nodes.Pass(0).rows == 0);
  nodes.copies = 3;
  nodes.PutRing(3);
  CHECK(nodes.Address() == "2");
  CHECK(nodes.Pass(0).rows == 1);
  nodes.is_up[2] = false;
  nodes.Hint();
  const auto repair = nodes.Start(0);
  nodes.nodes[0]->role->repair_parts().progress->Force();
  CHECK(tests::BecomesTrue([&nodes] { return nodes.View(0).errors > 0; }));
  CHECK(nodes.HintLogs() == 1);
  CHECK_FALSE(nodes.Missed().empty());
}

TEST_CASE("a member, and a node that was up, are not forgotten",
          "[storenode]") {
  LeftNodes nodes;
  const auto says = [&nodes](const std::string& node, const char* text) {
    const absl::Status status = nodes.Forget(node).status();
    CAPTURE(node, status);
    CHECK(status.message().find(text) != std::string::npos);
    return status;
  };
  CHECK(absl::IsFailedPrecondition(says("1", "member of the newest ring")));
  CHECK(absl::IsFailedPrecondition(says(nodes.TextOf(1), "take it off")));
  CHECK(absl::IsFailedPrecondition(
      nodes.Forget(nodes.TextOf(1), /*force=*/true).status()));
  CHECK(absl::IsNotFound(says(nodes.TextOf(0), "nothing here")));  // itself
  CHECK(absl::IsNotFound(says("3", "nothing here")));
  CHECK(absl::IsNotFound(says("ffffffffffffffff", "nothing here")));
  CHECK(absl::IsInvalidArgument(says("", "`node`")));
  nodes.is_up[2] = true;
  nodes.Pass(0);
  CHECK(absl::IsFailedPrecondition(says("2", "force=1")));
  nodes.is_up[2] = false;
  nodes.Pass(0);
  CHECK(nodes.Forget("2").ok());
  nodes.is_up[2] = true;
  CHECK(nodes.Forget("2", /*force=*/true).ok());
}

TEST_CASE("of an address those are forgotten that were there before",
          "[storenode]") {
  LeftNodes nodes;
  const uint64_t lost = nodes.IdOf(1);
  nodes.PutMissed(lost);
  CHECK(nodes.Pass(0).complete);  // it was up
  nodes.Wipe(1);
  nodes.PutRing(2);
  CHECK(nodes.Pass(0).complete);
  nodes.PutMissed(nodes.IdOf(1));
  const auto forgotten = nodes.Forget("1");
  REQUIRE(forgotten.ok());
  REQUIRE(forgotten->size() == 1);
  CHECK((*forgotten)[0].node_id == lost);
  CHECK(nodes.Missed() == std::vector<uint64_t>{nodes.IdOf(1)});
  // Lost as well, but a member yet: not the first one once more.
  const uint64_t lost_next = nodes.IdOf(1);
  nodes.Wipe(1);
  CHECK(absl::IsFailedPrecondition(nodes.Forget("1").status()));
  nodes.PutRing(2);
  CHECK(nodes.Pass(0).complete);
  const auto next = nodes.Forget("1");
  REQUIRE(next.ok());
  REQUIRE(next->size() == 1);
  CHECK((*next)[0].node_id == lost_next);
  CHECK(nodes.Missed().empty());
  CHECK(nodes.Forget(absl::StrFormat("%016x", lost)).ok());  // by its id, again
}

}  // namespace
}  // namespace varve::storenode
