// Hints from one node to another, without a network: what a holder takes, and
// what becomes of it when the owner is back.
#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/storenode/hint_pair.h"
#include "tests/support/becomes_true.h"

namespace varve::storenode {
namespace {

TEST_CASE("rows hinted while a node is away get to it, and MISSED is struck",
          "[storenode]") {
  HintPair pair;
  pair.owner_is_up = false;
  pair.StartRepair();
  // Its own ids are others than the refs of the hints.
  pair.owner.Define(Up("z"));
  pair.HintDefine({Up("a"), Up("b"), Up("a")});
  CHECK(pair.refs == std::vector<uint64_t>{0, 1, 0});
  for (int i = 0; i < 5; ++i) {
    CHECK(pair.HintData(0, pair.now_ms - i, i));
    CHECK(pair.HintData(1, pair.now_ms - i, 10 + i));
  }
  CHECK_FALSE(pair.HintData(2, pair.now_ms, 1));  // never defined
  pair.PutMissed(pair.holder);
  CHECK(pair.StateOf() == proto::HintStatusResponse::PENDING);
  CHECK(pair.OwnerRows().empty());
  CHECK(pair.Metric("varve_hints_rows_total") == 10);
  const uint64_t before = pair.holder.role->engine().coverage_version();
  pair.repair.reset();
  pair.owner_is_up = true;
  pair.StartRepair();
  CHECK(pair.BecomesDone());
  CHECK(pair.OwnerRows() ==
        std::map<std::string, std::vector<double>>{
            {"up{job=\"a\"}", {4, 3, 2, 1, 0}},
            {"up{job=\"b\"}", {14, 13, 12, 11, 10}}});
  CHECK(tests::BecomesTrue([&pair] { return !pair.Missed(); }));
  CHECK(pair.holder.role->engine().coverage_version() != before);
  CHECK(pair.Metric("varve_hints_replayed_rows_total") == 10);
  CHECK(pair.Metric("varve_hints_bytes{addr=\"the owner\"}") == 0);
  // A record that comes after the log was done is struck as well.
  pair.PutMissed(pair.holder);
  CHECK(tests::BecomesTrue([&pair] { return !pair.Missed(); }));
  // The rows of the next outage go to another log.
  CHECK_FALSE(pair.HintData(0, pair.now_ms, 1));
  const uint64_t first = pair.log;
  pair.HintDefine({Up("a")});
  CHECK(pair.log != first);
}

TEST_CASE("who has no hints and no records of any dials nobody",
          "[storenode]") {
  HintPair pair;
  pair.StartRepair();
  pair.HintDefine({Up("a")});
  CHECK(pair.BecomesDone());
  CHECK(pair.dials == 1);
  pair.repair.reset();
  pair.StartRepair();
  pair.repair.reset();
  CHECK(pair.dials == 1);
}

TEST_CASE("a log ends when nothing came for a while, not between two writes",
          "[storenode]") {
  HintPair pair;
  pair.quiet = absl::Hours(1);
  int defines = 0;
  pair.watch = [&](rpc::ServerCall& call) -> std::optional<absl::Status> {
    defines += call.method() == wire::kDefine;
    return std::nullopt;
  };
  pair.HintDefine({Up("a")});
  pair.StartRepair();
  for (int i = 0; i < 5; ++i) {
    CHECK(pair.HintData(0, pair.now_ms - i, i));
    CHECK(tests::BecomesTrue([&] {
      return pair.Metric("varve_hints_replayed_rows_total") == i + 1;
    }));
  }
  CHECK(pair.OwnerRows()["up{job=\"a\"}"].size() == 5);
  CHECK(pair.StateOf() == proto::HintStatusResponse::PENDING);
  pair.repair.reset();
  CHECK(defines == 1);
}

TEST_CASE("the rings that rows were routed by are known to the owner first",
          "[storenode]") {
  HintPair pair;
  pair.HintDefine({Up("a")});
  REQUIRE(pair.HintData(0, pair.now_ms, 1));
  pair.StartRepair();
  CHECK(pair.BecomesDone());
  const auto rings = pair.owner.role->kept_state().Rings();
  REQUIRE(rings->rings_size() == 1);
  CHECK(rings->rings(0).ring_id() == kRing);
  CHECK(rings->rings(0).members_size() == 1);
}

TEST_CASE("a delete that came after the rows takes them when they are replayed",
          "[storenode]") {
  HintPair pair;
  pair.HintDefine({Up("a"), Up("b")});
  REQUIRE(pair.HintData(0, pair.now_ms - 1, 1));
  REQUIRE(pair.HintData(1, pair.now_ms - 1, 2));
  const auto defined = pair.owner.Define(Up("a"));
  pair.owner.Data(defined.ref_epoch(), defined.refs(0), pair.now_ms - 5, 9);
  storage::DeleteRequest request;
  request.tenant = kTestTenant;
  request.matcher_groups = {
      {{.type = model::MatchType::kEqual, .name = "job", .value = "a"}}};
  request.accept_ms = pair.now_ms + 1'000;
  REQUIRE(pair.owner.role->engine().Delete(request).ok());
  pair.StartRepair();
  CHECK(pair.BecomesDone());
  CHECK(pair.OwnerRows() == std::map<std::string, std::vector<double>>{
                                {"up{job=\"b\"}", {2}}});
}

TEST_CASE("a delete that came before the rows does not take them, whatever "
          "their sender's clock says",
          "[storenode]") {
  HintPair pair;
  pair.HintDefine({Up("a")});
  storage::DeleteRequest request;
  request.tenant = kTestTenant;
  request.matcher_groups = {
      {{.type = model::MatchType::kEqual, .name = "job", .value = "a"}}};
  request.accept_ms = pair.now_ms + 1'000;
  REQUIRE(pair.owner.role->engine().Delete(request).ok());
  REQUIRE(pair.holder.role->engine().Delete(request).ok());
  REQUIRE(pair.HintData(0, pair.now_ms - 1, 1));
  pair.StartRepair();
  CHECK(pair.BecomesDone());
  CHECK(pair.OwnerRows() == std::map<std::string, std::vector<double>>{
                                {"up{job=\"a\"}", {1}}});
}

TEST_CASE("a node keeps no hints for itself, nor over its bound",
          "[storenode]") {
  HintPair pair;
  const auto define = [&pair](uint64_t owner) {
    proto::HintDefineRequest request;
    request.set_owner(owner);
    return pair.holder
        .Call(*pair.holder.inserts, wire::kHintDefine,
              request.SerializeAsString())
        .status();
  };
  CHECK(absl::IsInvalidArgument(define(0)));
  CHECK(absl::IsInvalidArgument(define(
      pair.holder.role->engine().node_id())));
  CHECK(define(7).ok());
  CHECK(absl::IsDataLoss(
      pair.holder.Call(*pair.holder.inserts, wire::kHintData, "short")
          .status()));
  TestNode none({"-storage.maxHintsBytes=0"});
  proto::HintDefineRequest request;
  request.set_owner(7);
  CHECK(absl::IsResourceExhausted(
      none.Call(*none.inserts, wire::kHintDefine, request.SerializeAsString())
          .status()));
  CHECK(none.metrics->Text().find("varve_hints_refused_total 1\n") !=
        std::string::npos);
  // Who asks does not take it for one whose hints are full.
  TestNode full({"-storage.minFreeDiskSpaceBytes=1000TB"});
  CHECK(absl::IsUnavailable(
      full.Call(*full.inserts, wire::kHintDefine, request.SerializeAsString())
          .status()));
  CHECK(full.metrics->Text().find("varve_hints_refused_total 1\n") !=
        std::string::npos);
}

}  // namespace
}  // namespace varve::storenode
