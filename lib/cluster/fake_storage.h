// A storage node that keeps what insert nodes send it in memory: for tests.
//
// Threads: one at a time.
#ifndef VARVE_LIB_CLUSTER_FAKE_STORAGE_H_
#define VARVE_LIB_CLUSTER_FAKE_STORAGE_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/byte_coding.h"
#include "lib/base/clock.h"
#include "lib/base/status.h"
#include "lib/model/refusal.h"
#include "lib/wire/data_frame_builder.h"
#include "lib/wire/features.h"
#include "lib/wire/hello.h"
#include "lib/wire/methods.h"
#include "net/rpc/rpc.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {

using Answer = absl::StatusOr<std::string>;

// Rows kept for a node that is down.
struct FakeHintLog {
  uint64_t id = 0;
  std::map<std::string, uint64_t> refs;
  std::map<uint64_t, std::vector<std::pair<int64_t, double>>> samples;
  size_t rows() const {
    size_t n = 0;
    for (const auto& [ref, list] : samples) n += list.size();
    return n;
  }
};

struct FakeNode {
  uint64_t id = 0;
  uint64_t ref_epoch = 1;
  uint32_t weight = 1;
  std::map<std::string, uint64_t> refs;  // canonical labels -> ref
  std::map<uint64_t, std::vector<std::pair<int64_t, double>>> samples;
  std::map<uint64_t, std::vector<encoding::HistogramRow>> histograms;
  std::map<uint64_t, std::vector<encoding::ExemplarRow>> exemplars;
  std::map<uint64_t, model::StartRuns> starts;
  std::vector<model::MetricMetadata> metadata;
  int64_t accept_ms = 0;  // of the last record
  std::string role = "storage";
  std::vector<uint64_t> member_ids;  // of role "insert"
  uint64_t missing_features = 0;  // bits that its greeting lacks
  std::vector<proto::Missed> missed;
  uint64_t mark = 0;  // of COMPARED
  std::map<uint64_t, FakeHintLog> hints;  // by owner
  uint64_t hint_logs_begun = 0;
  int hint_defines = 0;
  bool refuses_hints = false;
  std::vector<proto::Ring> rings;
  int defines = 0;
  int packed_frames = 0;
  std::map<uint64_t, std::string> names;  // of tenants
  int name_calls = 0;
  bool up = true;
  uint64_t connection = 1;
  // Labels of series refused by DEFINE, and why.
  std::map<std::string, model::Refusal> refused;
  bool greets = true;  // else it is connected, and its HELLO is not known
  // How long answers take; of calls that are waited for one after another.
  std::map<rpc::Method, int64_t> takes_ms;
  base::ManualClock* clock = nullptr;  // needed for takes_ms
  // Set: its answer is given instead of the node's.
  std::function<std::optional<Answer>(rpc::Method)> interfere;

  Answer Define(std::string_view payload) {
    proto::DefineRequest request;
    if (!request.ParseFromString(std::string(payload))) {
      return base::InvalidArgument("no DefineRequest");
    }
    proto::DefineResponse response;
    response.set_ref_epoch(ref_epoch);
    for (const auto& series : request.series()) {
      ++defines;
      const auto why = refused.find(series.labels());
      if (!refused.empty()) {
        response.add_refused(why == refused.end()
                                 ? 0
                                 : static_cast<uint32_t>(why->second));
      }
      if (why != refused.end()) {
        response.add_refs(0);
        continue;
      }
      const std::string key =
          base::StrCat(series.tenant().id(), "/", series.labels());
      const uint64_t next = id * 1000 + refs.size();
      response.add_refs(refs.try_emplace(key, next).first->second);
    }
    return response.SerializeAsString();
  }
  Answer TenantNames(std::string_view payload) {
    ++name_calls;
    proto::TenantNames request;
    if (!request.ParseFromString(std::string(payload))) {
      return base::InvalidArgument("no TenantNames");
    }
    proto::TenantNamesResponse response;
    for (const proto::Tenant& one : request.tenants()) {
      response.add_refused(
          names.try_emplace(one.id(), one.name()).first->second !=
          one.name());
    }
    return response.SerializeAsString();
  }
  Answer Data(std::string_view payload) {
    const auto frame = wire::DecodeDataFrame(payload);
    if (!frame.ok()) return frame.status();
    proto::Ack ack;
    if (frame->ref_epoch != ref_epoch) {
      ack.set_redefine(true);
      return ack.SerializeAsString();
    }
    if (!frame->packed.empty()) ++packed_frames;
    RETURN_IF_ERROR(Keep(frame->record(), samples));
    ack.set_mark(mark);
    return ack.SerializeAsString();
  }
  Answer HintDefine(std::string_view payload) {
    proto::HintDefineRequest request;
    if (!request.ParseFromString(std::string(payload))) {
      return base::InvalidArgument("no HintDefineRequest");
    }
    FakeHintLog& log = hints[request.owner()];
    if (log.id == 0) log.id = id * 100 + ++hint_logs_begun;
    proto::HintDefineResponse response;
    response.set_hint_log(log.id);
    for (const auto& series : request.series()) {
      ++hint_defines;
      const std::string key =
          base::StrCat(series.tenant().id(), "/", series.labels());
      response.add_refs(
          log.refs.try_emplace(key, log.refs.size()).first->second);
    }
    return response.SerializeAsString();
  }
  Answer HintData(std::string_view payload) {
    if (refuses_hints) return base::ResourceExhausted("hints are full");
    const auto owner = base::LoadLe<uint64_t>(payload.data());
    const auto frame = wire::DecodeDataFrame(payload.substr(sizeof(owner)));
    if (!frame.ok()) return frame.status();
    FakeHintLog& log = hints[owner];
    proto::HintAck ack;
    ack.set_redefine(frame->ref_epoch != log.id);
    if (!ack.redefine()) RETURN_IF_ERROR(Keep(frame->record(), log.samples));
    ack.set_mark(mark);
    return ack.SerializeAsString();
  }
  absl::Status Keep(
      std::string_view record,
      std::map<uint64_t, std::vector<std::pair<int64_t, double>>>& to) {
    encoding::DataRecordReader reader(record);
    encoding::FloatSection section;
    accept_ms = reader.accept_ms();
    while (*reader.Next()) {
      if (reader.kind() != encoding::SectionKind::kFloats) {
        RETURN_IF_ERROR(KeepKinds(reader));
        continue;
      }
      RETURN_IF_ERROR(reader.DecodeFloats(section));
      size_t row = 0;
      for (size_t s = 0; s < section.refs.size(); ++s) {
        for (uint32_t n = 0; n < section.counts[s]; ++n, ++row) {
          to[section.refs[s]].emplace_back(
              section.timestamps_ms[row],
              encoding::FromScaled(section.values[row]));
        }
      }
    }
    return absl::OkStatus();
  }
  absl::Status KeepKinds(const encoding::DataRecordReader& reader) {
    std::vector<encoding::HistogramRow> of_histograms;
    std::vector<encoding::ExemplarRow> of_exemplars;
    if (reader.kind() == encoding::SectionKind::kMetadata) {
      return encoding::DecodeMetadataSection(reader.body(), metadata);
    }
    if (reader.kind() == encoding::SectionKind::kStarts) {
      std::vector<encoding::StartRow> rows;
      RETURN_IF_ERROR(encoding::DecodeStartSection(reader.body(), rows));
      for (const auto& row : rows) starts[row.ref].push_back(row.run);
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(
        reader.kind() == encoding::SectionKind::kHistograms
            ? encoding::DecodeHistogramSection(reader.body(), of_histograms)
            : encoding::DecodeExemplarSection(reader.body(), of_exemplars));
    for (auto& row : of_histograms) histograms[row.ref].push_back(row);
    for (auto& row : of_exemplars) exemplars[row.ref].push_back(row);
    return absl::OkStatus();
  }
  Answer Handle(rpc::Method method, std::string_view payload) {
    if (!up) return base::Unavailable("connection lost");
    if (interfere) {
      if (auto answer = interfere(method)) return *answer;
    }
    switch (method) {
      case wire::kDefine:
        return Define(payload);
      case wire::kData:
        return Data(payload);
      case wire::kPing:
        return std::string();
      case wire::kHintDefine:
        return HintDefine(payload);
      case wire::kHintData:
        return HintData(payload);
      case wire::kTenantNames:
        return TenantNames(payload);
      case wire::kMissed:
        if (!missed.emplace_back().ParseFromString(std::string(payload))) {
          return base::InvalidArgument("no Missed");
        }
        return proto::Ack().SerializeAsString();
      case wire::kGetMissed: {
        proto::MissedList list;
        for (const auto& one : missed) {
          if (one.levels_above() > 0) *list.add_records() = one;
        }
        return list.SerializeAsString();
      }
      case wire::kPutRing:
        if (!rings.emplace_back().ParseFromString(std::string(payload))) {
          return base::InvalidArgument("no Ring");
        }
        return std::string();
      case wire::kGetRings: {
        proto::RingList list;
        for (const auto& ring : rings) *list.add_rings() = ring;
        return list.SerializeAsString();
      }
      default:
        return base::Unimplemented("method ", int{method});
    }
  }
  size_t rows() const {
    size_t n = 0;
    for (const auto& [ref, list] : samples) n += list.size();
    return n;
  }
  size_t hint_rows() const {
    size_t n = 0;
    for (const auto& [owner, log] : hints) n += log.rows();
    return n;
  }
};

// For `interfere`.
inline std::function<std::optional<Answer>(rpc::Method)> Failing(
    std::set<rpc::Method> methods, absl::Status error) {
  return [methods, error](rpc::Method m) -> std::optional<Answer> {
    if (!methods.contains(m)) return std::nullopt;
    return Answer(error);
  };
}

class FakeCall final : public rpc::Call {
 public:
  // `clock` is not looked at where the answer takes no time.
  FakeCall(Answer answer, base::ManualClock* clock, int64_t takes_ms)
      : answer_(std::move(answer)), clock_(clock) {
    if (takes_ms > 0) ready_ms_ = clock->SteadyMs() + takes_ms;
  }
  absl::StatusOr<std::optional<std::string>> Next(
      int64_t deadline_steady_ms) override {
    if (ready_ms_ != 0) {
      const int64_t now_ms = clock_->SteadyMs();
      clock_->Set(std::max(now_ms, std::min(ready_ms_, deadline_steady_ms)));
      if (clock_->SteadyMs() < ready_ms_) {
        return base::DeadlineExceeded("no answer within its time limit");
      }
    }
    if (!answer_.ok()) return answer_.status();
    if (std::exchange(told_, true)) return std::optional<std::string>();
    return std::optional<std::string>(*answer_);
  }

 private:
  Answer answer_;
  base::ManualClock* const clock_;
  int64_t ready_ms_ = 0;
  bool told_ = false;
};

class FakeChannel final : public rpc::Channel {
 public:
  FakeChannel(FakeNode* node, std::string address)
      : node_(node), address_(std::move(address)) {}
  std::unique_ptr<rpc::Call> Start(rpc::Method method,
                                   std::string payload) override {
    const auto takes = node_->takes_ms.find(method);
    return std::make_unique<FakeCall>(
        node_->Handle(method, payload), node_->clock,
        takes == node_->takes_ms.end() ? 0 : takes->second);
  }
  bool connected() const override { return node_->up; }
  std::string peer_hello() const override {
    if (!node_->up || !node_->greets) return "";
    proto::Hello hello;
    (void)hello.ParseFromString(
        wire::EncodeStorageHello(node_->id, node_->ref_epoch, ""));
    hello.set_role(node_->role);
    hello.set_weight(node_->weight);
    hello.mutable_member_ids()->Assign(node_->member_ids.begin(),
                                       node_->member_ids.end());
    hello.set_features((hello.features() | wire::kFeatureHints) &
                       ~node_->missing_features);
    return hello.SerializeAsString();
  }
  uint64_t connection_epoch() const override { return node_->connection; }
  const std::string& address() const override { return address_; }

 private:
  FakeNode* node_;
  std::string address_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_FAKE_STORAGE_H_
