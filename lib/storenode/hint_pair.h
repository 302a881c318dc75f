// A node that keeps hints and the one they are for, without a network. What
// must not fail is required of Catch2. Not thread-safe.
#ifndef VARVE_LIB_STORENODE_HINT_PAIR_H_
#define VARVE_LIB_STORENODE_HINT_PAIR_H_

#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/byte_coding.h"
#include "lib/base/clock.h"
#include "lib/storenode/node_repair.h"
#include "lib/storenode/test_node.h"
#include "lib/storenode/watched_service.h"
#include "lib/wire/convert.h"
#include "lib/wire/data_frame_builder.h"
#include "lib/wire/hello.h"
#include "tests/support/becomes_true.h"

namespace varve::storenode {

inline constexpr uint64_t kRing = 77;  // that rows were routed by

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

inline model::LabelSet Up(const std::string& job) {
  return {{"__name__", "up"}, {"job", job}};
}

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_HINT_PAIR_H_
