#include "lib/storenode/select_service.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "lib/base/alive.h"
#include "lib/base/clock.h"
#include "lib/base/machine.h"
#include "lib/base/status.h"
#include "lib/base/thread_nice.h"
#include "lib/storenode/cardinality_answer.h"
#include "lib/storenode/digest_answer.h"
#include "lib/storenode/rollup_search.h"
#include "lib/storenode/search_meter.h"
#include "lib/wire/convert.h"
#include "lib/wire/hello.h"
#include "lib/wire/methods.h"
#include "lib/wire/request.h"
#include "lib/wire/series_batch.h"

namespace varve::storenode {
namespace {

absl::StatusOr<std::optional<model::SlotSet>> SlotsOf(
    const std::string& bytes) {
  if (bytes.empty()) return std::optional<model::SlotSet>();
  std::optional<model::SlotSet> slots = model::SlotSet::FromBytes(bytes);
  if (!slots) {
    return base::InvalidArgument("slots of ", bytes.size(), " bytes");
  }
  return slots;
}

void ToProto(const storage::History& from, proto::History& to) {
  to.set_changes(from.changes);
  to.set_settled_start_ms(from.settled.start_ms);
  to.set_settled_end_ms(from.settled.end_ms);
}

// A SearchRequest as the engine takes it.
struct SearchPlan {
  std::unique_ptr<const model::SlotSet> slots;
  storage::SearchRequest search;

  static absl::StatusOr<SearchPlan> Make(const proto::SearchRequest& request,
                                         const TenantNames& names) {
    SearchPlan plan;
    storage::SearchRequest& search = plan.search;
    ASSIGN_OR_RETURN(search.tenant, names.Readable(request.tenant()));
    ASSIGN_OR_RETURN(search.matcher_groups, wire::FromProto(request.groups()));
    search.range = {request.start_ms(), request.end_ms()};
    search.series_max = request.series_max();
    search.labels_only = request.labels_only();
    search.keep_all = request.keep_all();
    search.exemplars = request.exemplars() && request.all_kinds();
    search.starts = request.starts() && request.all_kinds();
    search.of_query = !request.of_repair();
    ASSIGN_OR_RETURN(std::optional<model::SlotSet> slots,
                     SlotsOf(request.slots()));
    if (slots) {
      plan.slots = std::make_unique<const model::SlotSet>(*std::move(slots));
      search.slots = plan.slots.get();
    }
    return plan;
  }
};

absl::Status CheckVersion(const proto::SearchRequest& request,
                          uint64_t version) {
  if (request.coverage_version() == 0 ||
      request.coverage_version() == version) {
    return absl::OkStatus();
  }
  return absl::AbortedError("the node's coverage has changed");
}

// Of a plan nobody reads again what a node gave before it was cut off: the
// answer ends before what may lack samples.
absl::Status CheckWhole(const proto::SearchRequest& request,
                        const storage::SeriesCursor& cursor) {
  if (request.coverage_version() == 0 || cursor.complete()) {
    return absl::OkStatus();
  }
  return base::DataLoss("left out a damaged block");
}

// The caller waits for so long, and may give up before.
base::Alive AliveOf(const rpc::ServerCall& call, int64_t timeout_ms) {
  base::Alive alive;
  alive.cancelled = [&call] { return call.cancelled(); };
  alive.deadline_steady_ms = wire::DeadlineOf(timeout_ms);
  return alive;
}

bool IsOfRepair(const rpc::ServerCall& call) {
  if (call.method() == wire::kDigest) return true;
  const auto hello = wire::DecodeHello(call.peer_hello());
  return hello.ok() && hello->role == wire::kStorageRole;
}

// After a read, beside what Coverage() told before it: a read that meets damage
// goes on without it, and what was lost before may be made again meanwhile.
void AddLost(const storage::Engine& engine, const model::TimeRange& range,
             proto::Coverage& coverage) {
  if (engine.MayLack(range)) coverage.set_damaged(true);
}

}  // namespace

SelectService::SelectService(storage::Engine* engine, KeptState* kept,
                             TenantNames* names, repair::DayDigests* digests,
                             ReadGates gates, model::DedupRule dedup,
                             ServiceOptions options)
    : engine_(engine),
      kept_(kept),
      names_(names),
      digests_(digests),
      gates_(gates),
      dedup_(dedup),
      options_(std::move(options)),
      pool_("rollup", static_cast<size_t>(base::CpuThreads())),
      repair_pool_("repair", static_cast<size_t>(gates.repairs->capacity()),
                   base::kBackgroundNice) {}

std::string SelectService::Hello() {
  return wire::EncodeStorageHello(engine_->node_id(), engine_->ref_epoch(),
                                  options_.zone, options_.weight);
}

absl::Status SelectService::Accept(std::string_view client_hello) {
  return wire::AcceptHello(client_hello, options_.token);
}

absl::Status SelectService::Handle(rpc::ServerCall& call) {
  if (call.method() == wire::kPing) return call.Send("");
  if (IsOfRepair(call)) return AnswerRepair(call);
  const RequestGate::Pass pass(*gates_.queries);
  RETURN_IF_ERROR(pass.status());
  return Answer(call);
}

absl::Status SelectService::AnswerRepair(rpc::ServerCall& call) {
  if (call.method() == wire::kCoverage) return Answer(call);
  const base::Alive alive = AliveOf(call, /*timeout_ms=*/0);
  const RequestGate::Pass pass(*gates_.repairs, &alive);
  RETURN_IF_ERROR(pass.status());
  absl::Status status;
  repair_pool_.Run([&] { status = Answer(call); });
  return status;
}

absl::Status SelectService::Answer(rpc::ServerCall& call) {
  switch (call.method()) {
    case wire::kSearch:
      return Search(call);
    case wire::kRollup:
      return Rollup(call);
    case wire::kCoverage:
      return TellCoverage(call);
    case wire::kLabels:
      return Labels(call);
    case wire::kCardinality:
      return Cardinality(call);
    case wire::kTenants:
      return Tenants(call);
    case wire::kMetadata:
      return Metadata(call);
    case wire::kDelete:
      return Delete(call);
    case wire::kNameUsage:
      return NameUsage(call);
    case wire::kHistory:
      return History(call);
    case wire::kGetRings:
      return GetRings(call);
    case wire::kDigest:
      return Digest(call);
    default:
      return base::Unimplemented("select port of a storage node: method ",
                                 int{call.method()});
  }
}

absl::StatusOr<proto::Coverage> SelectService::Coverage(
    uint64_t version, const model::TimeRange& range) const {
  ASSIGN_OR_RETURN(const std::vector<MissedSpan> missed,
                   kept_->MissedIn(range));
  proto::Coverage coverage;
  for (const MissedSpan& one : missed) {
    proto::Coverage::MissedSpan& told = *coverage.add_missed();
    told.set_owner(one.owner);
    told.set_start_ms(one.span.start_ms);
    told.set_end_ms(one.span.end_ms);
    told.set_ring(one.ring);
    told.set_levels_above(one.levels_above);
  }
  RETURN_IF_ERROR(kept_->ring_coverage().Tell(range, coverage));
  coverage.set_node_id(engine_->node_id());
  coverage.set_coverage_version(version);
  coverage.set_storage_rules(options_.storage_rules);
  coverage.set_dedup_interval_ms(dedup_.interval_ms);
  coverage.set_dedup_keep_all(dedup_.keep_all);
  coverage.set_damaged(engine_->MayLack(range));
  return coverage;
}

absl::Status SelectService::Search(rpc::ServerCall& call) {
  proto::SearchRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(call.payload(), request));
  ASSIGN_OR_RETURN(SearchPlan plan, SearchPlan::Make(request, *names_));
  const base::Alive alive = AliveOf(call, request.timeout_ms());
  plan.search.alive = &alive;
  SearchMeter meter;
  // Before the search: what is missed or changes from now on is told by newer
  // ones.
  const uint64_t version = engine_->coverage_version();
  RETURN_IF_ERROR(CheckVersion(request, version));
  const storage::History history =
      engine_->HistoryOf(plan.search.tenant, plan.search.range);
  ASSIGN_OR_RETURN(const std::unique_ptr<storage::SeriesCursor> cursor,
                   engine_->Search(plan.search));
  meter.IndexDone();
  wire::SeriesBatchWriter writer(request.all_kinds(), plan.search.starts);
  const auto send = [&]() -> absl::Status {
    RETURN_IF_ERROR(CheckWhole(request, *cursor));
    return meter.Send(call, writer.Finish());
  };
  storage::SearchSeries series;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, cursor->Next(series));
    if (!more) break;
    if (series.samples.size() + series.histograms.size() >
        wire::kBatchSamplesMax) {
      return base::ResourceExhausted("a series has ", series.samples.size(),
                                     " samples in the range; at "
                                     "most ",
                                     wire::kBatchSamplesMax,
                                     " are sent: narrow the time range");
    }
    if (writer.samples() + series.samples.size() + series.histograms.size() >
        wire::kBatchSamplesMax) {
      RETURN_IF_ERROR(send());
    }
    meter.Count(series);
    if (request.all_kinds()) {
      writer.Add(series.hash, series.labels, series.samples,
                 series.histograms, series.exemplars, series.starts);
    } else {
      writer.Add(series.hash, series.labels, series.samples);
    }
    if (writer.full()) RETURN_IF_ERROR(send());
  }
  if (!writer.empty()) RETURN_IF_ERROR(send());
  RETURN_IF_ERROR(CheckWhole(request, *cursor));
  ASSIGN_OR_RETURN(proto::Coverage coverage,
                   Coverage(version, plan.search.range));
  if (!cursor->complete()) coverage.set_damaged(true);
  ToProto(history, *coverage.mutable_history());
  meter.Tell(cursor->cost(), *coverage.mutable_cost());
  return call.Send(wire::EncodeSearchEnd(coverage));
}

absl::Status SelectService::Rollup(rpc::ServerCall& call) {
  proto::RollupRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(call.payload(), request));
  ASSIGN_OR_RETURN(SearchPlan plan,
                   SearchPlan::Make(request.search(), *names_));
  plan.search.hashes = false;
  const base::Alive alive = AliveOf(call, request.search().timeout_ms());
  plan.search.alive = &alive;
  SearchMeter meter;
  ASSIGN_OR_RETURN(const std::unique_ptr<RollupSearch> rollup,
                   RollupSearch::Make(request));
  const uint64_t version = engine_->coverage_version();
  RETURN_IF_ERROR(CheckVersion(request.search(), version));
  const storage::History history =
      engine_->HistoryOf(plan.search.tenant, plan.search.range);
  ASSIGN_OR_RETURN(
      auto cursors,
      engine_->SearchParts(plan.search,
                           static_cast<size_t>(base::CpuThreads())));
  meter.IndexDone();
  ASSIGN_OR_RETURN(
      proto::RollupResponse last,
      rollup->Run(
          cursors, pool_, [&alive] { return !alive.Check().ok(); },
          [&call, &meter](const proto::RollupResponse& message) {
            return meter.Send(call, message.SerializeAsString());
          }));
  ASSIGN_OR_RETURN(*last.mutable_coverage(),
                   Coverage(version, plan.search.range));
  storage::SearchCost cost;
  for (const auto& cursor : cursors) {
    if (!cursor->complete()) last.mutable_coverage()->set_damaged(true);
    const storage::SearchCost part = cursor->cost();
    cost.series_matched += part.series_matched;
    cost.blocks += part.blocks;
    cost.block_bytes += part.block_bytes;
  }
  proto::ReadCost& told = *last.mutable_coverage()->mutable_cost();
  meter.Tell(cost, told);
  told.set_series(last.series());
  told.set_samples(last.samples());
  // Beside what was sent before: this message, still without its cost.
  told.set_bytes(told.bytes() + static_cast<int64_t>(last.ByteSizeLong()));
  ToProto(history, *last.mutable_coverage()->mutable_history());
  return call.Send(last.SerializeAsString());
}

absl::Status SelectService::TellCoverage(rpc::ServerCall& call) {
  proto::CoverageRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(call.payload(), request));
  ASSIGN_OR_RETURN(proto::Coverage coverage,
                   Coverage(engine_->coverage_version(),
                            {request.start_ms(), request.end_ms()}));
  if (const uint64_t owner = request.missed_owner(); owner != 0) {
    const auto others = std::remove_if(
        coverage.mutable_missed()->begin(), coverage.mutable_missed()->end(),
        [owner](const auto& one) { return one.owner() != owner; });
    coverage.mutable_missed()->erase(others, coverage.mutable_missed()->end());
  }
  return call.Send(coverage.SerializeAsString());
}

absl::Status SelectService::Labels(rpc::ServerCall& call) {
  proto::LabelsRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(call.payload(), request));
  storage::LabelRequest labels;
  ASSIGN_OR_RETURN(labels.tenant, names_->Readable(request.tenant()));
  ASSIGN_OR_RETURN(labels.matcher_groups, wire::FromProto(request.groups()));
  labels.range = {request.start_ms(), request.end_ms()};
  labels.limit = request.limit();
  const base::Alive alive = AliveOf(call, request.timeout_ms());
  labels.alive = &alive;
  proto::LabelsResponse response;
  ASSIGN_OR_RETURN(*response.mutable_coverage(),
                   Coverage(engine_->coverage_version(), labels.range));
  ASSIGN_OR_RETURN(const std::vector<std::string> items,
                   request.label().empty()
                       ? engine_->LabelNames(labels)
                       : engine_->LabelValues(labels, request.label()));
  AddLost(*engine_, labels.range, *response.mutable_coverage());
  response.mutable_items()->Assign(items.begin(), items.end());
  return call.Send(response.SerializeAsString());
}

absl::Status SelectService::Cardinality(rpc::ServerCall& call) {
  proto::CardinalityRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(call.payload(), request));
  storage::CardinalityRequest wanted;
  ASSIGN_OR_RETURN(wanted.tenant, names_->Readable(request.tenant()));
  ASSIGN_OR_RETURN(wanted.matcher_groups, wire::FromProto(request.groups()));
  wanted.range = {request.start_ms(), request.end_ms()};
  wanted.focus_label = request.focus_label();
  wanted.top_n = request.top_n();
  wanted.value_hashes = request.value_hashes();
  ASSIGN_OR_RETURN(const std::optional<model::SlotSet> slots,
                   SlotsOf(request.slots()));
  if (slots) wanted.slots = &*slots;
  const base::Alive alive = AliveOf(call, request.timeout_ms());
  wanted.alive = &alive;
  proto::CardinalityResponse response;
  ASSIGN_OR_RETURN(*response.mutable_coverage(),
                   Coverage(engine_->coverage_version(), wanted.range));
  if (request.digests()) {
    ASSIGN_OR_RETURN(const std::vector<storage::SlotDigest> digests,
                     engine_->SlotDigests(wanted));
    AddLost(*engine_, wanted.range, *response.mutable_coverage());
    ToProto(digests, response);
    return call.Send(response.SerializeAsString());
  }
  ASSIGN_OR_RETURN(const storage::Cardinality found, engine_->Status(wanted));
  AddLost(*engine_, wanted.range, *response.mutable_coverage());
  ToProto(found, response);
  return call.Send(response.SerializeAsString());
}

absl::Status SelectService::Tenants(rpc::ServerCall& call) {
  proto::TenantsRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(call.payload(), request));
  proto::TenantsResponse response;
  const model::TimeRange range{request.start_ms(), request.end_ms()};
  ASSIGN_OR_RETURN(*response.mutable_coverage(),
                   Coverage(engine_->coverage_version(), range));
  ASSIGN_OR_RETURN(const std::vector<model::TenantId> tenants,
                   engine_->Tenants(range));
  AddLost(*engine_, range, *response.mutable_coverage());
  for (const model::TenantId& tenant : tenants) {
    wire::ToProto(tenant, names_->NameOf(tenant), *response.add_tenants());
  }
  return call.Send(response.SerializeAsString());
}

absl::Status SelectService::Metadata(rpc::ServerCall& call) {
  proto::MetadataRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(call.payload(), request));
  storage::MetadataRequest wanted;
  ASSIGN_OR_RETURN(wanted.tenant, names_->Readable(request.tenant()));
  wanted.metric = request.metric();
  wanted.limit = request.limit();
  proto::MetadataResponse response;
  // It has no time: of what other nodes lack nothing is said.
  ASSIGN_OR_RETURN(*response.mutable_coverage(),
                   Coverage(engine_->coverage_version(), {1, 0}));
  ASSIGN_OR_RETURN(const std::vector<model::StoredMetadata> stored,
                   engine_->Metadata(wanted));
  for (const model::StoredMetadata& one : stored) {
    wire::ToProto(one, *response.add_entries());
  }
  return call.Send(response.SerializeAsString());
}

absl::Status SelectService::NameUsage(rpc::ServerCall& call) {
  proto::NameUsageRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(call.payload(), request));
  proto::NameUsageResponse response;
  ASSIGN_OR_RETURN(*response.mutable_coverage(),
                   Coverage(engine_->coverage_version(), {}));
  if (request.reset()) {
    RETURN_IF_ERROR(engine_->ResetNameUsage());
    return call.Send(response.SerializeAsString());
  }
  ASSIGN_OR_RETURN(const model::TenantId tenant,
                   names_->Readable(request.tenant()));
  ASSIGN_OR_RETURN(const storage::NameStatistics statistics,
                   engine_->NameUsageOf(tenant));
  response.set_since_s(statistics.since_s);
  for (const storage::NameQueries& one : statistics.names) {
    proto::NameUsageResponse::Entry& entry = *response.add_names();
    entry.set_name(one.name);
    entry.set_queries(one.queries);
    entry.set_last_s(one.last_s);
  }
  return call.Send(response.SerializeAsString());
}

absl::Status SelectService::History(rpc::ServerCall& call) {
  proto::HistoryRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(call.payload(), request));
  ASSIGN_OR_RETURN(const model::TenantId tenant,
                   names_->Readable(request.tenant()));
  proto::HistoryResponse response;
  for (const proto::HistoryRequest::Range& range : request.ranges()) {
    ToProto(engine_->HistoryOf(tenant, {range.start_ms(), range.end_ms()}),
            *response.add_histories());
  }
  ASSIGN_OR_RETURN(*response.mutable_coverage(),
                   Coverage(engine_->coverage_version(), {1, 0}));
  return call.Send(response.SerializeAsString());
}

absl::Status SelectService::Delete(rpc::ServerCall& call) {
  proto::DeleteRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(call.payload(), request));
  storage::DeleteRequest wanted;
  ASSIGN_OR_RETURN(wanted.tenant, names_->Readable(request.tenant()));
  ASSIGN_OR_RETURN(wanted.matcher_groups, wire::FromProto(request.groups()));
  wanted.range = {request.start_ms(), request.end_ms()};
  wanted.accept_ms = request.accept_ms();
  wanted.series_max = request.series_max();
  proto::DeleteResponse response;
  ASSIGN_OR_RETURN(const int64_t series, engine_->Delete(wanted));
  response.set_series(series);
  return call.Send(response.SerializeAsString());
}

absl::Status SelectService::Digest(rpc::ServerCall& call) {
  proto::DigestRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(call.payload(), request));
  const base::Alive alive = AliveOf(call, request.timeout_ms());
  DigestWanted wanted;
  ASSIGN_OR_RETURN(wanted.tenant, names_->Readable(request.tenant()));
  wanted.range = {request.start_ms(), request.end_ms()};
  ASSIGN_OR_RETURN(const std::optional<model::SlotSet> slots,
                   SlotsOf(request.slots()));
  wanted.slots = slots ? &*slots : nullptr;
  wanted.totals = request.totals();
  wanted.by_hour = request.by_hour();
  wanted.alive = &alive;
  proto::DigestResponse last;
  ASSIGN_OR_RETURN(*last.mutable_coverage(),
                   Coverage(engine_->coverage_version(), wanted.range));
  ASSIGN_OR_RETURN(
      const bool complete,
      SendDigests(*digests_, wanted, [&call](const auto& message) {
        return call.Send(message.SerializeAsString());
      }));
  if (!complete) last.mutable_coverage()->set_damaged(true);
  return call.Send(last.SerializeAsString());
}

absl::Status SelectService::GetRings(rpc::ServerCall& call) {
  ASSIGN_OR_RETURN(const proto::RingList rings, kept_->Rings());
  return call.Send(rings.SerializeAsString());
}

}  // namespace varve::storenode
