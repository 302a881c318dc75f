#include "lib/storenode/insert_service.h"

#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/storenode/kept_missed.h"
#include "lib/wire/convert.h"
#include "lib/wire/data_frame.h"
#include "lib/wire/hello.h"
#include "lib/wire/methods.h"
#include "lib/wire/request.h"
#include "proto/varve_rpc.pb.h"
#include "storage/engine/hints.h"

namespace varve::storenode {
namespace {

// Insert nodes send thousands; this bounds what one call can define.
constexpr int kDefinitionsMax = 100'000;
// Of one message of a list.
constexpr size_t kListBytesMax = 1 << 20;

// Stands for rows that were acknowledged before their fsync: a crash of the
// machine may take them from one owner alone, so that nobody may answer for
// the others.
constexpr uint64_t kUnsyncedRing = UINT64_MAX;

// A record begins with the ring it was routed by (lib/encoding/data_record.h).
absl::StatusOr<uint64_t> RingOf(std::string_view record) {
  base::ByteReader reader(record);
  const auto ring = reader.FixedLe<uint64_t>();
  if (!reader.ok()) return base::InvalidArgument("a record without a ring");
  return ring;
}

// Views of `series`.
absl::StatusOr<std::vector<storage::SeriesDefinition>> DefinitionsOf(
    const google::protobuf::RepeatedPtrField<proto::DefineRequest::Series>&
        series) {
  if (series.size() > kDefinitionsMax) {
    return base::InvalidArgument("DEFINE of ", series.size(),
                                 " series; at most ", kDefinitionsMax,
                                 " are taken");
  }
  std::vector<storage::SeriesDefinition> definitions;
  definitions.reserve(series.size());
  for (const proto::DefineRequest::Series& one : series) {
    ASSIGN_OR_RETURN(const model::TenantId tenant,
                     wire::FromProto(one.tenant()));
    definitions.push_back(
        {.tenant = tenant, .labels = one.labels(), .rows = one.rows()});
  }
  return definitions;
}

}  // namespace

InsertService::InsertService(storage::Engine* engine, KeptState* kept,
                             TenantNames* names, rpc::Service* reads,
                             RequestGate* gate, telemetry::Metrics* metrics,
                             ServiceOptions options)
    : engine_(engine),
      kept_(kept),
      names_(names),
      reads_(reads),
      gate_(gate),
      options_(std::move(options)) {
  // Insert nodes count rows of refused series; dashboards add this one.
  metrics->AddCounter("vm_rows_ignored_total",
                      {{"reason", "invalid_raw_metric_name"}});
}

std::string InsertService::Hello() {
  return wire::EncodeStorageHello(engine_->node_id(), engine_->ref_epoch(),
                                  options_.zone, options_.weight);
}

absl::Status InsertService::Accept(std::string_view client_hello) {
  return wire::AcceptHello(client_hello, options_.token);
}

absl::Status InsertService::Handle(rpc::ServerCall& call) {
  switch (call.method()) {
    case wire::kPing:
      return call.Send("");
    case wire::kSearch:
    case wire::kCoverage:
    case wire::kTenants:
    case wire::kDigest:
      return reads_->Handle(call);
    default:
      break;
  }
  const RequestGate::Pass pass(*gate_);
  RETURN_IF_ERROR(pass.status());
  absl::StatusOr<std::string> answer;
  switch (call.method()) {
    case wire::kDefine:
      answer = Define(call.payload());
      break;
    case wire::kData:
      answer = Data(call.payload());
      break;
    case wire::kMissed:
      answer = PutMissed(call.payload());
      break;
    case wire::kGetMissed:
      return ListMissed(call);
    case wire::kPutRing:
      answer = PutRing(call.payload());
      break;
    case wire::kGetRings:
      answer = GetRings();
      break;
    case wire::kTenantNames:
      answer = PutTenantNames(call.payload());
      break;
    case wire::kHintDefine:
      answer = HintDefine(call.payload());
      break;
    case wire::kHintData:
      answer = HintData(call.payload());
      break;
    case wire::kHintStatus:
      answer = HintStatus(call.payload());
      break;
    case wire::kCompared:
      answer = Compared(call.payload());
      break;
    case wire::kHintReplay:
      answer = Replayed(call.payload());
      break;
    default:
      return base::Unimplemented("insert port of a storage node: method ",
                                 int{call.method()});
  }
  RETURN_IF_ERROR(answer.status());
  return call.Send(*answer);
}

absl::StatusOr<std::string> InsertService::Define(std::string_view payload) {
  proto::DefineRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(payload, request));
  ASSIGN_OR_RETURN(const auto definitions, DefinitionsOf(request.series()));
  std::vector<uint64_t> ids;
  std::vector<model::Refusal> refused;
  RETURN_IF_ERROR(engine_->Define(definitions, ids, &refused));
  proto::DefineResponse response;
  if (std::any_of(refused.begin(), refused.end(), [](model::Refusal one) {
        return one != model::Refusal::kNone;
      })) {
    for (const model::Refusal one : refused) {
      response.add_refused(static_cast<uint32_t>(one));
    }
  }
  response.set_ref_epoch(engine_->ref_epoch());
  response.mutable_refs()->Assign(ids.begin(), ids.end());
  return response.SerializeAsString();
}

absl::StatusOr<std::string> InsertService::Data(std::string_view payload) {
  ASSIGN_OR_RETURN(wire::DataFrame frame, wire::DecodeDataFrame(payload));
  if (frame.ref_epoch == engine_->ref_epoch()) {
    ASSIGN_OR_RETURN(const uint64_t ring, RingOf(frame.record()));
    const auto level = static_cast<storage::AckLevel>(frame.ack);
    RETURN_IF_ERROR(kept_->NoteRing(
        level == storage::AckLevel::kDurable ? ring : kUnsyncedRing));
    // Nobody has an acknowledgement of these rows yet: they are after every
    // delete that is here, whatever the sender's clock says.
    wire::RaiseAcceptMs(frame, engine_->newest_delete_ms());
  }
  return Append(frame);
}

// These rows were acknowledged when they came to the holder: a delete that has
// come since is after them. Nobody counts on them before the holder has had
// them fsynced.
absl::StatusOr<std::string> InsertService::Replayed(std::string_view payload) {
  ASSIGN_OR_RETURN(const wire::DataFrame frame,
                   wire::DecodeDataFrame(payload));
  if (frame.ref_epoch == engine_->ref_epoch()) {
    ASSIGN_OR_RETURN(const uint64_t ring, RingOf(frame.record()));
    RETURN_IF_ERROR(kept_->NoteRing(ring));
  }
  return Append(frame);
}

absl::StatusOr<std::string> InsertService::Append(
    const wire::DataFrame& frame) {
  proto::Ack ack;
  if (frame.ref_epoch != engine_->ref_epoch()) {
    ack.set_redefine(true);
  } else {
    ASSIGN_OR_RETURN(
        const storage::AppendResult result,
        engine_->Append(frame.record(), frame.packed,
                        static_cast<storage::AckLevel>(frame.ack)));
    ack.set_rows(result.rows);
    ack.set_too_old(result.too_old);
    ack.set_too_new(result.too_new);
    ack.set_redefine(result.unknown_ref > 0);
  }
  // Once the rows are stored, so that no mark that it does not tell of was
  // given before.
  ack.set_mark(kept_->newest_mark());
  ack.set_coverage_version(engine_->coverage_version());
  return ack.SerializeAsString();
}

absl::StatusOr<std::string> InsertService::HintDefine(
    std::string_view payload) {
  proto::HintDefineRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(payload, request));
  if (request.owner() == 0 || request.owner() == engine_->node_id()) {
    return base::InvalidArgument("hints for node ", request.owner(),
                                 ", which cannot have any here");
  }
  ASSIGN_OR_RETURN(const auto definitions, DefinitionsOf(request.series()));
  std::vector<uint64_t> refs;
  ASSIGN_OR_RETURN(const uint64_t log, engine_->hints().Define(
                                           request.owner(), definitions, refs));
  proto::HintDefineResponse response;
  response.set_hint_log(log);
  response.mutable_refs()->Assign(refs.begin(), refs.end());
  return response.SerializeAsString();
}

absl::StatusOr<std::string> InsertService::HintData(std::string_view payload) {
  base::ByteReader reader(payload);
  const auto owner = reader.FixedLe<uint64_t>();
  if (!reader.ok()) return base::DataLoss("HINTDATA without an owner");
  ASSIGN_OR_RETURN(wire::DataFrame frame,
                   wire::DecodeDataFrame(reader.rest()));
  // As in Data, for the owner will not: it takes them as they are then.
  wire::RaiseAcceptMs(frame, engine_->newest_delete_ms());
  ASSIGN_OR_RETURN(
      const bool taken,
      engine_->hints().Append(owner, frame.ref_epoch, frame.record(),
                              frame.packed,
                              static_cast<storage::AckLevel>(frame.ack)));
  proto::HintAck ack;
  ack.set_redefine(!taken);
  ack.set_mark(kept_->newest_mark());
  return ack.SerializeAsString();
}

absl::StatusOr<std::string> InsertService::HintStatus(
    std::string_view payload) {
  proto::HintStatusRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(payload, request));
  proto::HintStatusResponse response;
  for (const proto::HintStatusRequest::Log& one : request.logs()) {
    switch (engine_->hints().StateOf(one.owner(), one.hint_log())) {
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

absl::StatusOr<std::string> InsertService::PutMissed(
    std::string_view payload) {
  proto::Missed missed;
  RETURN_IF_ERROR(wire::ParseMessage(payload, missed));
  RETURN_IF_ERROR(kept_->PutMissed(missed));
  proto::Ack ack;
  ack.set_coverage_version(engine_->coverage_version());
  return ack.SerializeAsString();
}

absl::StatusOr<std::string> InsertService::Compared(
    std::string_view payload) {
  proto::ComparedRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(payload, request));
  ASSIGN_OR_RETURN(const proto::ComparedResponse response,
                   kept_->Compared(request));
  return response.SerializeAsString();
}

absl::Status InsertService::ListMissed(rpc::ServerCall& call) const {
  ASSIGN_OR_RETURN(const std::vector<proto::Missed> records, kept_->Missed());
  proto::MissedList list;
  size_t bytes = 0;
  for (const proto::Missed& one : records) {
    if (one.levels_above() == 0) continue;
    proto::Missed& told = *list.add_records();
    told = one;
    RETURN_IF_ERROR(TellSlots(told));
    bytes += told.ByteSizeLong();
    if (bytes < kListBytesMax) continue;
    RETURN_IF_ERROR(call.Send(list.SerializeAsString()));
    list.clear_records();
    bytes = 0;
  }
  return call.Send(list.SerializeAsString());
}

absl::StatusOr<std::string> InsertService::PutRing(std::string_view payload) {
  proto::Ring ring;
  RETURN_IF_ERROR(wire::ParseMessage(payload, ring));
  RETURN_IF_ERROR(kept_->PutRing(ring));
  return std::string();
}

absl::StatusOr<std::string> InsertService::PutTenantNames(
    std::string_view payload) {
  proto::TenantNames request;
  RETURN_IF_ERROR(wire::ParseMessage(payload, request));
  std::vector<model::Tenant> tenants;
  for (const proto::Tenant& one : request.tenants()) {
    ASSIGN_OR_RETURN(const model::TenantId id, wire::FromProto(one));
    tenants.push_back({id, one.name()});
  }
  std::vector<bool> refused;
  RETURN_IF_ERROR(names_->Register(tenants, refused));
  proto::TenantNamesResponse response;
  for (const bool one : refused) response.add_refused(one);
  return response.SerializeAsString();
}

absl::StatusOr<std::string> InsertService::GetRings() {
  ASSIGN_OR_RETURN(const proto::RingList rings, kept_->Rings());
  return rings.SerializeAsString();
}

}  // namespace varve::storenode
