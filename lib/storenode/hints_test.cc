// Hints from one node to another, without a network: what a holder takes, and
// what becomes of it when the owner is back.
#include <catch2/catch.hpp>
#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>

#include "lib/base/byte_coding.h"
#include "lib/base/clock.h"
#include "lib/base/strings.h"
#include "lib/storenode/node_repair.h"
#include "lib/storenode/test_node.h"
#include "lib/storenode/watched_service.h"
#include "lib/wire/convert.h"
#include "lib/wire/data_frame_builder.h"
#include "lib/wire/hello.h"
#include "tests/support/becomes_true.h"

namespace varve::storenode {
namespace {

constexpr uint64_t kRing = 77;

struct HintPair {
  TestNode holder;
  TestNode owner;
  std::atomic<bool> owner_is_up{true};
  std::atomic<int> dials{0};
  Watch watch;  // of calls to the owner
  absl::Duration quiet;         // none
  int64_t bytes_per_second = 0;
  std::unique_ptr<WatchedService> owner_service;
  std::unique_ptr<NodeRepair> repair;
  int64_t now_ms = base::SystemClock().NowMs();
  uint64_t log = 0;
  std::vector<uint64_t> refs;

  explicit HintPair(std::vector<std::string> owner_flags = {})
      : owner(std::move(owner_flags)) {
    PutRing(owner.role->engine().node_id());
  }
  ~HintPair() { repair.reset(); }

  uint64_t owner_id() const { return owner.role->engine().node_id(); }

  void PutRing(uint64_t node_id, uint64_t ring_id = kRing) {
    proto::Ring ring;
    ring.set_ring_id(ring_id);
    proto::Ring::Member& member = *ring.add_members();
    member.set_node_id(node_id);
    member.set_address("the owner");
    REQUIRE(holder
                .Call(*holder.inserts, wire::kPutRing,
                      ring.SerializeAsString())
                .ok());
  }
  void StartRepair() {
    owner_service = std::make_unique<WatchedService>(
        &owner.role->insert_service(), &watch);
    const repair::Dial dial = [this](const std::string& address) {
      CHECK(address == "the owner");
      ++dials;
      auto channel = std::make_unique<rpc::LocalChannel>(
          address, owner_service.get(), wire::EncodeHello("storage", ""));
      channel->SetConnected(owner_is_up);
      return channel;
    };
    repair = std::make_unique<NodeRepair>(
        holder.role->repair_parts(), dial,
        NodeRepairOptions{
            .hints = {.bytes_per_second = bytes_per_second,
                      .quiet = quiet,
                      .interval = absl::Milliseconds(10),
                      .backoff_min = absl::Milliseconds(20)},
            .strike_interval = absl::Milliseconds(10),
            .repair = {.interval = absl::ZeroDuration()}});
  }
  absl::StatusOr<proto::HintDefineResponse> TryHintDefine(
      const std::vector<model::LabelSet>& series) {
    proto::HintDefineRequest request;
    request.set_owner(owner_id());
    for (const model::LabelSet& labels : series) {
      proto::DefineRequest::Series& one = *request.add_series();
      wire::ToProto(kTestTenant, *one.mutable_tenant());
      std::string canonical;
      model::AppendCanonicalBytes(canonical, labels);
      one.set_labels(canonical);
    }
    ASSIGN_OR_RETURN(const std::string answer,
                     holder.Call(*holder.inserts, wire::kHintDefine,
                                 request.SerializeAsString()));
    proto::HintDefineResponse response;
    REQUIRE(response.ParseFromString(answer));
    return response;
  }
  void HintDefine(const std::vector<model::LabelSet>& series) {
    const auto response = TryHintDefine(series);
    INFO(response.status());
    REQUIRE(response.ok());
    log = response->hint_log();
    refs.assign(response->refs().begin(), response->refs().end());
  }
  std::string HintPayload(
      uint64_t ref, int64_t at_ms, double value,
      const model::TenantId& tenant = kTestTenant) const {
    wire::DataFrameBuilder builder;
    builder.Start(kRing, now_ms);
    builder.Add(tenant, ref, std::span(&at_ms, 1), std::span(&value, 1));
    std::string payload;
    base::PutFixedLe<uint64_t>(payload, owner_id());
    return payload + builder.Finish(0, log, true);
  }
  bool HintData(uint64_t ref, int64_t at_ms, double value) {
    const auto answer = holder.Call(*holder.inserts, wire::kHintData,
                                    HintPayload(ref, at_ms, value));
    INFO(answer.status());
    REQUIRE(answer.ok());
    proto::HintAck ack;
    REQUIRE(ack.ParseFromString(*answer));
    return !ack.redefine();
  }
  void PutMissed(TestNode& node) {
    proto::Missed missed;
    missed.set_owner(owner_id());
    missed.set_ring(kRing);
    missed.add_slots(1);
    missed.set_end_ms(now_ms);
    missed.set_hint_holder(holder.role->engine().node_id());
    missed.set_hint_log(log);
    REQUIRE(
        node.Call(*node.inserts, wire::kMissed, missed.SerializeAsString())
            .ok());
  }
  bool Missed() const {
    return !holder.role->kept_state().MissedIn({0, now_ms})->empty();
  }
  proto::HintStatusResponse::State StateOf() {
    proto::HintStatusRequest request;
    request.add_logs()->set_owner(owner_id());
    request.mutable_logs(0)->set_hint_log(log);
    const auto answer = holder.Call(*holder.inserts, wire::kHintStatus,
                                    request.SerializeAsString());
    REQUIRE(answer.ok());
    proto::HintStatusResponse response;
    REQUIRE(response.ParseFromString(*answer));
    REQUIRE(response.states_size() == 1);
    return response.states(0);
  }
  bool BecomesDone() {
    return tests::BecomesTrue([this] {
      return StateOf() == proto::HintStatusResponse::DONE;
    });
  }
  // job to values, of what the owner has.
  std::map<std::string, std::vector<double>> OwnerRows() {
    proto::Coverage coverage;
    std::map<std::string, std::vector<double>> out;
    for (const wire::WireSeries& one : owner.Search(coverage)) {
      out[model::ParseCanonicalBytes(one.labels)->Text()] = one.samples.values;
    }
    return out;
  }
  int64_t Metric(const std::string& name) {
    const std::string text = "\n" + holder.metrics->Text();
    const size_t at = text.find("\n" + name + " ");
    REQUIRE(at != std::string::npos);
    return std::stoll(text.substr(at + name.size() + 2));
  }
};

model::LabelSet Up(const std::string& job) {
  return {{"__name__", "up"}, {"job", job}};
}

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
}

}  // namespace
}  // namespace varve::storenode
