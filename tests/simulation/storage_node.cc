#include "tests/simulation/storage_node.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/time/time.h"
#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/encoding/record_refs.h"
#include "lib/wire/data_frame.h"
#include "lib/wire/features.h"
#include "lib/wire/methods.h"
#include "lib/wire/request.h"
#include "proto/varve_rpc.pb.h"

namespace varve::simulation {
namespace {

// As repair::HintReplayerOptions::quiet.
constexpr int64_t kQuietMs = 3'000;
constexpr uint8_t kDurable = 0;
constexpr uint8_t kWritten = 1;
// Ring and accept_ms (lib/encoding/data_record.h): a record without rows.
constexpr size_t kRecordHeadBytes = 16;

class RecordedCall final : public rpc::ServerCall {
 public:
  RecordedCall(rpc::Method method, std::string_view payload,
               std::vector<std::string>* answers)
      : method_(method), payload_(payload), answers_(*answers) {}
  rpc::Method method() const override { return method_; }
  std::string_view payload() const override { return payload_; }
  const std::string& peer_hello() const override { return nobody_; }
  const std::string& peer_address() const override { return nobody_; }
  absl::Status Send(std::string_view payload) override {
    answers_.emplace_back(payload);
    return absl::OkStatus();
  }
  bool cancelled() const override { return false; }

 private:
  const rpc::Method method_;
  const std::string_view payload_;
  const std::string nobody_;
  std::vector<std::string>& answers_;
};

absl::StatusOr<std::string> Ask(rpc::Channel& channel, rpc::Method method,
                                std::string payload) {
  return rpc::CallOnce(channel, method, std::move(payload), INT64_MAX);
}

}  // namespace

StorageNode::StorageNode(Disk* disk, std::string address,
                         uint64_t coverage_version, Network* network,
                         telemetry::Metrics* metrics)
    : disk_(*disk),
      address_(std::move(address)),
      network_(*network),
      engine_(disk, coverage_version, &network->clock()),
      kept_(&engine_, &network->clock()),
      names_(&engine_, metrics),
      digests_(&engine_),
      gate_(1'000, absl::ZeroDuration(), ""),
      reads_(&engine_, &kept_, &names_, &digests_, {&gate_, &gate_}, {}, {}),
      inserts_(&engine_, &kept_, &names_, &reads_, &gate_, metrics, {}),
      peers_(
          &engine_,
          [this](const std::string& to) { return network_.Dial(address_, to); },
          wire::kFeatureHints | wire::kFeatureDigests),
      is_new_(Rings().empty()) {}

// The hint methods as InsertService has them, over MemoryHints.
absl::Status StorageNode::Handle(rpc::Method method, std::string_view payload,
                                 std::vector<std::string>& answers) {
  absl::StatusOr<std::string> answer;
  switch (method) {
    case wire::kHintDefine:
      answer = HintDefine(payload);
      break;
    case wire::kHintData:
      answer = HintData(payload);
      break;
    case wire::kHintStatus:
      answer = HintStatus(payload);
      break;
    default: {
      RecordedCall call(method, payload, &answers);
      const bool of_select = method == wire::kSearch ||
                             method == wire::kCoverage;
      return of_select ? reads_.Handle(call) : inserts_.Handle(call);
    }
  }
  RETURN_IF_ERROR(answer.status());
  answers.push_back(*std::move(answer));
  return absl::OkStatus();
}

absl::StatusOr<std::string> StorageNode::HintDefine(std::string_view payload) {
  proto::HintDefineRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(payload, request));
  if (request.owner() == 0 || request.owner() == disk_.node_id) {
    return base::InvalidArgument("hints for node ", request.owner(),
                                 ", which cannot have any here");
  }
  std::vector<std::string> labels;
  for (const auto& one : request.series()) labels.push_back(one.labels());
  std::vector<uint64_t> refs;
  ASSIGN_OR_RETURN(const uint64_t log,
                   disk_.hints.Define(request.owner(), labels,
                                      network_.clock().SteadyMs(), refs));
  proto::HintDefineResponse response;
  response.set_hint_log(log);
  response.mutable_refs()->Assign(refs.begin(), refs.end());
  return response.SerializeAsString();
}

absl::StatusOr<std::string> StorageNode::HintData(std::string_view payload) {
  base::ByteReader reader(payload);
  const auto owner = reader.FixedLe<uint64_t>();
  if (!reader.ok()) return base::DataLoss("HINTDATA without an owner");
  ASSIGN_OR_RETURN(const wire::DataFrame frame,
                   wire::DecodeDataFrame(reader.rest()));
  ASSIGN_OR_RETURN(
      const bool taken,
      disk_.hints.Append({owner, frame.ref_epoch}, frame.record(),
                         network_.clock().SteadyMs()));
  proto::HintAck ack;
  ack.set_redefine(!taken);
  ack.set_mark(kept_.newest_mark());
  return ack.SerializeAsString();
}

absl::StatusOr<std::string> StorageNode::HintStatus(std::string_view payload) {
  proto::HintStatusRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(payload, request));
  proto::HintStatusResponse response;
  for (const proto::HintStatusRequest::Log& one : request.logs()) {
    switch (disk_.hints.StateOf({one.owner(), one.hint_log()})) {
      case storage::HintState::kUnknown:
        response.add_states(proto::HintStatusResponse::UNKNOWN);
        break;
      case storage::HintState::kPending:
        response.add_states(proto::HintStatusResponse::PENDING);
        break;
      case storage::HintState::kDone:
        response.add_states(proto::HintStatusResponse::DONE);
        break;
    }
  }
  return response.SerializeAsString();
}

// lib/repair/hint_replayer.cc: Look. An owner that fails is tried again with
// the next call.
void StorageNode::Replay() {
  const Depth depth(this);
  for (const LogKey& key : disk_.hints.Pending()) {
    (void)ReplayLog(key);  // the log stays
  }
}

// HintReplayer::GoOn and hint_session.cc. Rows are cut when the owner has all
// that were there at the beginning; the log ends when it was quiet for long.
absl::Status StorageNode::ReplayLog(const LogKey& key) {
  ASSIGN_OR_RETURN(rpc::Channel* const channel, peers_.Reach(key.first));
  if (channel == nullptr) return base::Unavailable("not connected");
  MemoryHintLog& log = disk_.hints.log(key);
  RETURN_IF_ERROR(PutRings(*channel));
  const size_t records = log.records.size();
  if (records > 0) {
    std::vector<uint64_t> refs;
    uint64_t ref_epoch = 0;
    RETURN_IF_ERROR(DefineSeries(log, *channel, refs, ref_epoch));
    const uint64_t connection = channel->connection_epoch();
    for (size_t i = 0; i < records; ++i) {
      encoding::MappedRecord mapped;
      RETURN_IF_ERROR(encoding::MapRefs(log.records[i].bytes, refs, mapped));
      RETURN_IF_ERROR(SendRecord(mapped.bytes, kWritten, ref_epoch, *channel));
    }
    RETURN_IF_ERROR(SendRecord(
        std::string_view(log.records[0].bytes).substr(0, kRecordHeadBytes),
        kDurable, ref_epoch, *channel));
    // The fsync is of the process that took the rows.
    if (channel->connection_epoch() != connection) {
      return base::Unavailable("the connection was lost");
    }
    log.records.erase(log.records.begin(),
                      log.records.begin() + static_cast<ptrdiff_t>(records));
  }
  if (network_.clock().SteadyMs() - log.taken_ms >= kQuietMs) {
    (void)disk_.hints.Finish(key);  // rows that came meanwhile are for later
  }
  return absl::OkStatus();
}

absl::Status StorageNode::PutRings(rpc::Channel& channel) {
  for (const proto::Ring& ring : Rings()) {
    if (ring.members().empty()) continue;
    RETURN_IF_ERROR(
        Ask(channel, wire::kPutRing, ring.SerializeAsString()).status());
  }
  return absl::OkStatus();
}

absl::Status StorageNode::DefineSeries(const MemoryHintLog& log,
                                       rpc::Channel& channel,
                                       std::vector<uint64_t>& refs,
                                       uint64_t& ref_epoch) {
  proto::DefineRequest request;
  for (const std::string& labels : log.series) {
    proto::DefineRequest::Series& series = *request.add_series();
    series.mutable_tenant();
    series.set_labels(labels);
  }
  ASSIGN_OR_RETURN(const std::string answer,
                   Ask(channel, wire::kDefine, request.SerializeAsString()));
  proto::DefineResponse response;
  if (!response.ParseFromString(answer)) {
    return base::DataLoss("no DefineResponse");
  }
  refs.assign(response.refs().begin(), response.refs().end());
  ref_epoch = response.ref_epoch();
  return absl::OkStatus();
}

absl::Status StorageNode::SendRecord(std::string_view record, uint8_t ack,
                                     uint64_t ref_epoch,
                                     rpc::Channel& channel) {
  ASSIGN_OR_RETURN(
      const std::string answer,
      Ask(channel, wire::kHintReplay,
          wire::EncodeDataFrame(record, ack, ref_epoch, /*compress=*/false)));
  proto::Ack got;
  if (!got.ParseFromString(answer)) return base::DataLoss("no Ack");
  return got.redefine() ? absl::AbortedError("define again")
                        : absl::OkStatus();
}

// lib/repair/missed_striker.cc: Look.
void StorageNode::Strike() {
  const Depth depth(this);
  const auto logs = kept_.HintLogs();
  if (!logs.ok()) return;
  std::map<uint64_t, std::vector<repair::HintLogName>> by_holder;
  for (const repair::HintLogName& one : *logs) {
    if (!unknown_.contains(one)) by_holder[one.holder].push_back(one);
  }
  for (const auto& [holder, of_holder] : by_holder) {
    (void)StrikeOf(of_holder);  // those stay
  }
}

// lib/repair/peer_listener.cc.
void StorageNode::Hear(int64_t sample) {
  const Depth depth(this);
  proto::CoverageRequest request;
  request.set_start_ms(std::numeric_limits<int64_t>::min());
  request.set_end_ms(std::numeric_limits<int64_t>::max());
  request.set_missed_owner(disk_.node_id);
  for (const uint64_t id : kept_.ring_coverage().Others()) {
    const auto channel = peers_.Reach(id);
    if (!channel.ok() || *channel == nullptr) continue;
    const auto answer =
        Ask(**channel, wire::kCoverage, request.SerializeAsString());
    proto::Coverage coverage;
    if (!answer.ok() || !coverage.ParseFromString(*answer)) continue;
    std::vector<model::TimeRange> lacked;
    for (const auto& one : coverage.missed()) {
      lacked.push_back({one.start_ms(), one.end_ms()});
    }
    kept_.ring_coverage().NoteHeard(id, std::move(lacked),
                                    coverage.other_rows_ms());
    heard_sample_[id] = sample;
  }
}

bool StorageNode::HeardOrTells(uint64_t node_id, int64_t sample) const {
  const auto heard = heard_sample_.find(node_id);
  return heard == heard_sample_.end() ? !is_new_ : heard->second >= sample;
}

// MissedStriker::Ask, AskPeer and Judge.
absl::Status StorageNode::StrikeOf(
    const std::vector<repair::HintLogName>& logs) {
  proto::HintStatusRequest request;
  for (const repair::HintLogName& one : logs) {
    proto::HintStatusRequest::Log& log = *request.add_logs();
    log.set_owner(one.owner);
    log.set_hint_log(one.log);
  }
  std::string answer;
  if (logs[0].holder == disk_.node_id) {
    ASSIGN_OR_RETURN(answer, HintStatus(request.SerializeAsString()));
  } else {
    ASSIGN_OR_RETURN(rpc::Channel* const channel,
                     peers_.Reach(logs[0].holder));
    if (channel == nullptr) return base::Unavailable("not connected");
    ASSIGN_OR_RETURN(answer, Ask(*channel, wire::kHintStatus,
                                 request.SerializeAsString()));
  }
  proto::HintStatusResponse response;
  if (!response.ParseFromString(answer) ||
      response.states_size() != request.logs_size()) {
    return base::DataLoss("no HintStatusResponse");
  }
  for (size_t i = 0; i < logs.size(); ++i) {
    const auto state = response.states(static_cast<int>(i));
    if (state == proto::HintStatusResponse::DONE) {
      RETURN_IF_ERROR(kept_.Strike(logs[i]));
    }
    if (state == proto::HintStatusResponse::UNKNOWN) unknown_.insert(logs[i]);
  }
  return absl::OkStatus();
}

std::vector<proto::Ring> StorageNode::Rings() const {
  std::vector<proto::Ring> rings;
  const auto kept = kept_.Rings();
  if (!kept.ok()) return rings;
  rings.assign(kept->rings().begin(), kept->rings().end());
  return rings;
}

}  // namespace varve::simulation
