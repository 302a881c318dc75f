#include "lib/ingest/upper_level_service.h"

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/wire/convert.h"
#include "lib/wire/data_frame.h"
#include "lib/wire/hello.h"
#include "lib/wire/methods.h"
#include "lib/wire/request.h"

namespace varve::ingest {
namespace {

// As storage nodes take in one call.
constexpr int kDefinitionsMax = 100'000;
// As storage nodes keep; far above what one level above writes under.
constexpr size_t kNamesMax = 50'000;
// Rings that insert nodes of a level above use at a time.
constexpr size_t kRingsMax = 64;

uint64_t RandomEpoch() {
  std::random_device device;
  return uint64_t{device()} << 32 | device() | 1;
}

std::string Redefine() {
  proto::Ack ack;
  ack.set_redefine(true);
  return ack.SerializeAsString();
}

}  // namespace

UpperLevelService::UpperLevelService(cluster::Writer* writer,
                                     Inserter* inserter, InsertDoor* door,
                                     InsertGate* gate,
                                     telemetry::Metrics* metrics,
                                     int64_t series_bytes_max)
    : writer_(writer),
      inserter_(inserter),
      door_(door),
      gate_(gate),
      metrics_(metrics),
      format_(door->AddFormat("clusternative")),
      ref_epoch_(RandomEpoch()),
      series_(series_bytes_max) {
  const auto type =
      telemetry::MetricLabels{{"type", "insert/upperLevelSeries"}};
  metrics_->AddCallback(this, "vm_cache_entries", type, [this] {
    return static_cast<double>(series_.size());
  });
  metrics_->AddCallback(this, "vm_cache_size_bytes", type, [this] {
    return static_cast<double>(series_.bytes());
  });
}

UpperLevelService::~UpperLevelService() { metrics_->RemoveCallbacks(this); }

bool UpperLevelService::Look() {
  const std::shared_ptr<const cluster::WriteView> view = writer_->View();
  if (!view->status.ok() || view->ClusterId() == 0) return false;
  const bool is_another = Note(*view);
  if (!is_another) sharer_.Look(*view);
  return is_another;
}

bool UpperLevelService::Note(const cluster::WriteView& view) {
  Cluster now{.id = view.ClusterId()};
  for (const placement::Member& member : view.ring->members()) {
    now.member_ids.push_back(member.node_id);
  }
  base::MutexLock lock(mutex_);
  // Nobody is greeted before something can be written.
  const bool may_greet = cluster_.features != 0;
  if (may_greet || view.Writable().ok()) now.features = view.features_known;
  const bool is_another = may_greet && now != cluster_;
  cluster_ = std::move(now);
  return is_another;
}

bool UpperLevelService::known() const {
  base::MutexLock lock(mutex_);
  return cluster_.id != 0;
}

std::string UpperLevelService::Hello() {
  base::MutexLock lock(mutex_);
  return wire::EncodeInsertServerHello(
      cluster_.id, ref_epoch_, cluster_.features, cluster_.member_ids);
}

absl::Status UpperLevelService::Accept(std::string_view client_hello) {
  RETURN_IF_ERROR(wire::AcceptHello(client_hello, /*token=*/""));
  base::MutexLock lock(mutex_);
  if (cluster_.id == 0 || cluster_.features == 0) {
    return base::Unavailable(
        "the storage nodes of this insert node are not known yet");
  }
  return absl::OkStatus();
}

absl::Status UpperLevelService::Handle(rpc::ServerCall& call) {
  absl::StatusOr<std::string> answer;
  switch (call.method()) {
    case wire::kPing:
      // It is fit when the storage nodes are.
      RETURN_IF_ERROR(writer_->View()->Writable());
      answer = std::string();
      break;
    case wire::kDefine:
      answer = Define(call.payload());
      break;
    case wire::kData:
      answer = Data(call);
      break;
    case wire::kMissed:
      answer = PutMissed(call.payload());
      break;
    case wire::kPutRing:
      answer = PutRing(call.payload());
      break;
    case wire::kGetRings:
      answer = GetRings();
      break;
    case wire::kTenantNames:
      answer = PutTenantNames(call.payload());
      break;
    default:
      return base::Unimplemented("port of an insert node for upper levels: "
                                 "method ",
                                 int{call.method()});
  }
  RETURN_IF_ERROR(answer.status());
  return call.Send(*answer);
}

absl::StatusOr<std::string> UpperLevelService::Define(
    std::string_view payload) {
  proto::DefineRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(payload, request));
  if (request.series_size() > kDefinitionsMax) {
    return base::InvalidArgument("DEFINE of ", request.series_size(),
                                 " series; at most ", kDefinitionsMax,
                                 " are taken");
  }
  std::vector<UpperLevelSeries::Definition> definitions;
  definitions.reserve(static_cast<size_t>(request.series_size()));
  for (const proto::DefineRequest::Series& one : request.series()) {
    ASSIGN_OR_RETURN(const model::TenantId tenant,
                     wire::FromProto(one.tenant()));
    definitions.push_back({.tenant = tenant, .labels = one.labels()});
  }
  std::vector<UpperLevelSeries::Defined> defined;
  RETURN_IF_ERROR(series_.Define(definitions, defined));
  proto::DefineResponse response;
  response.set_ref_epoch(ref_epoch_);
  const bool any_refused =
      std::any_of(defined.begin(), defined.end(), [](const auto& one) {
        return one.refused != model::Refusal::kNone;
      });
  for (const UpperLevelSeries::Defined& one : defined) {
    response.add_refs(one.ref);
    if (any_refused) {
      response.add_refused(static_cast<uint32_t>(one.refused));
    }
  }
  return response.SerializeAsString();
}

bool UpperLevelService::NameTenant(InsertTenant& tenant) const {
  if (tenant.tenant.id.kind == 0) return true;
  base::MutexLock lock(mutex_);
  const auto found = names_.find(tenant.tenant.id.id);
  if (found == names_.end()) return false;
  tenant.tenant.name = found->second;
  return true;
}

bool UpperLevelService::MakeBatch(wire::TenantRows& rows,
                                  protocol::SampleBatch& batch) {
  std::vector<uint64_t> refs;
  refs.reserve(rows.series.size());
  for (const wire::RecordSeries& one : rows.series) refs.push_back(one.ref);
  std::vector<std::string_view> labels;
  if (!series_.LabelsOf(rows.tenant, refs, batch.arena, labels)) return false;
  batch.series.reserve(rows.series.size());
  for (size_t i = 0; i < rows.series.size(); ++i) {
    const wire::RecordSeries& one = rows.series[i];
    batch.series.push_back({.identity = labels[i],
                            .first_row = one.first_row,
                            .rows = one.rows,
                            .first_histogram = one.first_histogram,
                            .histograms = one.histograms,
                            .first_exemplar = one.first_exemplar,
                            .exemplars = one.exemplars,
                            .first_start = one.first_start,
                            .starts = one.starts});
  }
  batch.timestamps_ms = std::move(rows.timestamps_ms);
  batch.values = std::move(rows.values);
  batch.histogram_timestamps_ms = std::move(rows.histogram_timestamps_ms);
  batch.histograms = std::move(rows.histograms);
  batch.starts = std::move(rows.starts);
  batch.metadata = std::move(rows.metadata);
  batch.exemplars.reserve(rows.exemplars.size());
  for (const model::Exemplar& one : rows.exemplars) {
    batch.exemplars.push_back({one.timestamp_ms, one.value, one.labels});
  }
  return true;
}

absl::Status UpperLevelService::Store(const InsertTenant& tenant,
                                      const protocol::SampleBatch& batch,
                                      int64_t& rows) {
  static const std::vector<model::Label> kNoLabels;
  InsertOutcome outcome;
  const absl::Status status =
      inserter_->Store(tenant, kNoLabels, batch, outcome);
  door_->Count(format_, tenant, status, outcome);
  // The level above has taken them: here no rate refuses them.
  TenantLimits& limits = inserter_->tenant_limits();
  limits.ChargeForOthers(limits.Of(tenant.tenant), outcome.rows_stored);
  rows += outcome.rows_stored;
  return status;
}

absl::StatusOr<std::string> UpperLevelService::Data(
    const rpc::ServerCall& call) {
  const InsertGate::Pass pass(*gate_, [&call] { return call.cancelled(); });
  if (call.cancelled()) return base::Cancelled("the sender has given up");
  if (!pass.granted()) {
    return base::Unavailable("no place for rows of the level above within "
                             "-insert.maxQueueDuration");
  }
  ASSIGN_OR_RETURN(const wire::DataFrame frame,
                   wire::DecodeDataFrame(call.payload()));
  if (frame.ref_epoch != ref_epoch_) return Redefine();
  ASSIGN_OR_RETURN(wire::RecordRows record,
                   wire::DecodeRecordRows(frame.record()));
  // All of them before any is stored.
  std::vector<InsertTenant> tenants(record.tenants.size());
  std::vector<protocol::SampleBatch> batches(record.tenants.size());
  for (size_t i = 0; i < batches.size(); ++i) {
    tenants[i].tenant.id = record.tenants[i].tenant;
    batches[i].accept_ms = record.accept_ms;
    if (!NameTenant(tenants[i]) || !MakeBatch(record.tenants[i], batches[i])) {
      return Redefine();
    }
  }
  int64_t rows = 0;
  for (size_t i = 0; i < batches.size(); ++i) {
    RETURN_IF_ERROR(Store(tenants[i], batches[i], rows));
  }
  proto::Ack ack;
  ack.set_rows(rows);
  return ack.SerializeAsString();
}

absl::StatusOr<std::string> UpperLevelService::PutMissed(
    std::string_view payload) {
  proto::Missed missed;
  RETURN_IF_ERROR(wire::ParseMessage(payload, missed));
  missed.set_levels_above(missed.levels_above() + 1);
  // All storage nodes keep it, whichever of them have the rows.
  missed.set_keeper(proto::Missed::UNKNOWN);
  RETURN_IF_ERROR(writer_->StoreMissed(missed.SerializeAsString()));
  return proto::Ack().SerializeAsString();
}

absl::StatusOr<std::string> UpperLevelService::PutRing(
    std::string_view payload) {
  proto::Ring ring;
  RETURN_IF_ERROR(wire::ParseMessage(payload, ring));
  base::MutexLock lock(mutex_);
  if (rings_.size() >= kRingsMax && !rings_.contains(ring.ring_id())) {
    rings_.erase(std::min_element(
        rings_.begin(), rings_.end(), [](const auto& a, const auto& b) {
          return a.second.last_ms() < b.second.last_ms();
        }));
  }
  rings_[ring.ring_id()] = std::move(ring);
  return std::string();
}

absl::StatusOr<std::string> UpperLevelService::GetRings() const {
  proto::RingList list;
  base::MutexLock lock(mutex_);
  for (const auto& [id, ring] : rings_) *list.add_rings() = ring;
  return list.SerializeAsString();
}

absl::StatusOr<std::string> UpperLevelService::PutTenantNames(
    std::string_view payload) {
  proto::TenantNames request;
  RETURN_IF_ERROR(wire::ParseMessage(payload, request));
  proto::TenantNamesResponse response;
  for (const proto::Tenant& one : request.tenants()) {
    ASSIGN_OR_RETURN(const model::TenantId id, wire::FromProto(one));
    const absl::Status status = writer_->RegisterName({id, one.name()});
    // In the words of this cluster: the name is taken, or there are too many.
    if (absl::IsInvalidArgument(status)) {
      return absl::OutOfRangeError(status.message());
    }
    RETURN_IF_ERROR(status);
    response.add_refused(false);
    base::MutexLock lock(mutex_);
    if (names_.size() >= kNamesMax) names_.clear();  // they are told again
    names_[id.id] = one.name();
  }
  return response.SerializeAsString();
}

}  // namespace varve::ingest
