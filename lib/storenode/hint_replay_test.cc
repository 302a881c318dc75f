// How hints are replayed: their pace, and what the owner, or its address, or
// the end of either node does to it.
#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/storenode/hint_pair.h"
#include "lib/wire/convert.h"
#include "tests/support/becomes_true.h"

namespace varve::storenode {
namespace {

TEST_CASE("a log that goes on growing leaves others their turn",
          "[storenode]") {
  HintPair pair;
  pair.HintDefine({Up("a")});
  REQUIRE(pair.HintData(0, pair.now_ms, 1));
  // Of a node that was there before: a younger log, which it cannot get.
  constexpr uint64_t kGone = 7;
  const int64_t defined_ms = base::SystemClock().NowMs();
  CHECK(tests::BecomesTrue([defined_ms] {
    return base::SystemClock().NowMs() > defined_ms + 1;
  }));
  pair.PutRing(kGone, kRing + 1);
  proto::HintDefineRequest request;
  request.set_owner(kGone);
  REQUIRE(pair.holder
              .Call(*pair.holder.inserts, wire::kHintDefine,
                    request.SerializeAsString())
              .ok());
  std::atomic<bool> grows{true};
  std::atomic<int> more{0};
  pair.watch = [&](rpc::ServerCall& call) -> std::optional<absl::Status> {
    if (call.method() == wire::kHintReplay && grows) {
      (void)pair.holder.Call(*pair.holder.inserts, wire::kHintData,
                             pair.HintPayload(0, pair.now_ms - ++more, 1));
    }
    return std::nullopt;
  };
  pair.StartRepair();
  CHECK(tests::BecomesTrue([&] {
    return pair.Metric("varve_hints_replay_errors_total") > 0;
  }));
  grows = false;
  // Both are at one address.
  const std::string text = pair.holder.metrics->Text();
  const std::string_view metric = "\nvarve_hints_bytes{";
  CHECK(text.find(metric) != std::string::npos);
  CHECK(text.find(metric) == text.rfind(metric));
  pair.repair.reset();
}

TEST_CASE("small records wait for the rate of a replay as large ones do",
          "[storenode]") {
  HintPair pair;
  pair.bytes_per_second = 100'000;
  pair.HintDefine({Up("a")});
  constexpr int kRecords = 400;  // of 50 bytes at least
  for (int i = 0; i < kRecords; ++i) {
    REQUIRE(pair.HintData(0, pair.now_ms - i, i));
  }
  const int64_t begin_ms = base::SystemClock().SteadyMs();
  pair.StartRepair();
  CHECK(pair.BecomesDone());
  CHECK(base::SystemClock().SteadyMs() - begin_ms >= 200);
  CHECK(pair.OwnerRows()["up{job=\"a\"}"].size() == kRecords);
}

TEST_CASE("a tenant whose name the owner does not take holds up no other",
          "[storenode]") {
  constexpr model::TenantId kNamed{1, 42};
  HintPair pair;
  proto::TenantNames names;
  wire::ToProto(kNamed, "somebody", *names.add_tenants());
  REQUIRE(pair.holder
              .Call(*pair.holder.inserts, wire::kTenantNames,
                    names.SerializeAsString())
              .ok());
  pair.HintDefine({Up("a")});
  std::string labels;
  model::AppendCanonicalBytes(labels, Up("b"));
  const storage::SeriesDefinition named{.tenant = kNamed, .labels = labels};
  storage::Hints& hints = pair.holder.role->engine().hints();
  std::vector<uint64_t> refs;
  REQUIRE(hints.Define(pair.owner_id(), std::span(&named, 1), refs).ok());
  REQUIRE(pair.holder
              .Call(*pair.holder.inserts, wire::kHintData,
                    pair.HintPayload(refs[0], pair.now_ms, 1, kNamed))
              .ok());
  REQUIRE(pair.HintData(0, pair.now_ms, 2));
  pair.watch = [](rpc::ServerCall& call) -> std::optional<absl::Status> {
    if (call.method() != wire::kTenantNames) return std::nullopt;
    return absl::OutOfRangeError("no more names");
  };
  pair.StartRepair();
  CHECK(tests::BecomesTrue([&pair] {
    return pair.Metric("varve_hints_dropped_rows_total") == 1;
  }));
  CHECK(pair.OwnerRows().size() == 1);
  CHECK(pair.StateOf() == proto::HintStatusResponse::UNKNOWN);
}

TEST_CASE("a holder that is killed in mid-replay goes on after its restart",
          "[storenode]") {
  HintPair pair;
  pair.HintDefine({Up("a")});
  for (int i = 0; i < 50; ++i) {
    REQUIRE(pair.HintData(0, pair.now_ms - i, i));
  }
  pair.PutMissed(pair.holder);
  std::atomic<int> replayed{0};
  pair.watch =
      [&replayed](rpc::ServerCall& call) -> std::optional<absl::Status> {
    if (call.method() != wire::kHintReplay || ++replayed <= 20) {
      return std::nullopt;
    }
    return absl::UnavailableError("cut by the test");
  };
  pair.StartRepair();
  CHECK(tests::BecomesTrue([&] {
    return pair.Metric("varve_hints_replay_errors_total") > 0;
  }));
  CHECK(pair.StateOf() == proto::HintStatusResponse::PENDING);
  const size_t some = pair.OwnerRows()["up{job=\"a\"}"].size();
  CHECK(some >= 17);
  CHECK(some <= 20);
  pair.repair.reset();
  pair.holder.Close();
  pair.holder.Open();
  pair.watch = nullptr;
  pair.StartRepair();
  CHECK(pair.BecomesDone());
  CHECK(pair.OwnerRows()["up{job=\"a\"}"].size() == 50);
  CHECK(tests::BecomesTrue([&pair] { return !pair.Missed(); }));
}

TEST_CASE("an owner that has forgotten the refs gets the series again",
          "[storenode]") {
  HintPair pair;
  pair.HintDefine({Up("a")});
  REQUIRE(pair.HintData(0, pair.now_ms, 1));
  int defines = 0;
  bool told = false;
  pair.watch = [&](rpc::ServerCall& call) -> std::optional<absl::Status> {
    defines += call.method() == wire::kDefine;
    if (call.method() != wire::kHintReplay || told) return std::nullopt;
    told = true;
    proto::Ack ack;
    ack.set_redefine(true);
    return call.Send(ack.SerializeAsString());
  };
  pair.StartRepair();
  CHECK(pair.BecomesDone());
  CHECK(defines == 2);
  CHECK(pair.OwnerRows()["up{job=\"a\"}"].size() == 1);
}

TEST_CASE("series that the owner refuses are left out, and MISSED stays",
          "[storenode]") {
  HintPair pair({"-storage.maxHourlySeries=1"});
  pair.HintDefine({Up("a"), Up("b")});
  REQUIRE(pair.HintData(0, pair.now_ms, 1));
  REQUIRE(pair.HintData(1, pair.now_ms, 2));
  REQUIRE(pair.HintData(1, pair.now_ms - 1, 3));
  pair.PutMissed(pair.holder);
  pair.StartRepair();
  CHECK(tests::BecomesTrue([&pair] {
    return pair.Metric("varve_hints_dropped_rows_total") == 2;
  }));
  CHECK(tests::BecomesTrue([&pair] {
    return pair.Metric("varve_hints_bytes{addr=\"the owner\"}") == 0;
  }));
  CHECK(pair.OwnerRows().size() == 1);
  CHECK(pair.StateOf() == proto::HintStatusResponse::UNKNOWN);
  CHECK(pair.Missed());
}

TEST_CASE("hints are not given to another node at the owner's address",
          "[storenode]") {
  HintPair pair;
  const uint64_t gone = pair.owner_id();
  pair.HintDefine({Up("a")});
  REQUIRE(pair.HintData(0, pair.now_ms, 1));
  pair.owner.Close();
  std::filesystem::remove_all(pair.owner.path);
  pair.owner.Open();
  REQUIRE(pair.owner_id() != gone);
  pair.StartRepair();
  CHECK(tests::BecomesTrue([&] {
    return pair.Metric("varve_hints_replay_errors_total") > 0;
  }));
  CHECK(pair.OwnerRows().empty());
}

TEST_CASE("a replay ends at once when the node stops", "[storenode]") {
  HintPair pair;
  pair.HintDefine({Up("a")});
  REQUIRE(pair.HintData(0, pair.now_ms, 1));
  std::atomic<bool> hangs{false};
  pair.watch = [&hangs](rpc::ServerCall& call) -> std::optional<absl::Status> {
    if (call.method() != wire::kHintReplay) return std::nullopt;
    hangs = true;
    CHECK(tests::BecomesTrue([&call] { return call.cancelled(); }));
    return absl::CancelledError("nobody waits");
  };
  pair.StartRepair();
  CHECK(tests::BecomesTrue([&hangs] { return hangs.load(); }));
  const int64_t begin_ms = base::SystemClock().SteadyMs();
  pair.repair.reset();
  CHECK(base::SystemClock().SteadyMs() - begin_ms < 2'000);
  CHECK(pair.StateOf() == proto::HintStatusResponse::PENDING);
}

}  // namespace
}  // namespace varve::storenode
