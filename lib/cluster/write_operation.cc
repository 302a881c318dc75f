#include "lib/cluster/write_operation.h"

#include <algorithm>

#include "lib/base/status.h"
#include "lib/wire/convert.h"
#include "lib/wire/features.h"
#include "lib/wire/methods.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {
namespace {

// About 2.5 MB of labels; many calls are under way at once.
constexpr size_t kDefineSeries = 8'192;
// Frames under way to one node before it counts as stalled: more than the
// concurrent writes of a healthy insert node ever hold.
constexpr int64_t kWindowBytes = 64 << 20;

// Histograms and exemplars are large: frames are also cut by bytes. A frame
// takes 64 MiB, a series' own in one request at most half of that.
constexpr size_t kFrameKindBytes = 16 << 20;

// The time all of a series' rows lie in; false when it has none.
bool SpanOf(const SeriesRows& row, model::TimeRange& span) {
  span = {INT64_MAX, INT64_MIN};
  const auto widen = [&span](int64_t at_ms) {
    span.start_ms = std::min(span.start_ms, at_ms);
    span.end_ms = std::max(span.end_ms, at_ms);
  };
  for (const int64_t at_ms : row.timestamps_ms) widen(at_ms);
  if (row.others != nullptr) {
    for (const int64_t at_ms : row.others->histogram_timestamps_ms) {
      widen(at_ms);
    }
    for (const model::ExemplarView& one : row.others->exemplars) {
      widen(one.timestamp_ms);
    }
  }
  return span.start_ms <= span.end_ms;
}

// What only another view can cure.
absl::Status Outdated(std::string_view why) {
  return base::FailedPrecondition("the view is outdated: ", why);
}

model::Refusal ToRefusal(uint32_t number) {
  return number < model::kRefusals ? static_cast<model::Refusal>(number)
                                   : model::Refusal::kInvalidLabels;
}

// Errors of a request that no node would take, and no retry cures.
bool IsOurFault(const absl::Status& status) {
  return status.code() == absl::StatusCode::kInvalidArgument;
}

}  // namespace

WriteOperation::WriteOperation(WriterCore& core, const WriteView& view,
                               std::span<SeriesRows> rows,
                               std::span<const MetadataRows> metadata,
                               const model::Tenant* named)
    : core_(core),
      view_(view),
      rows_(rows),
      metadata_(metadata),
      named_(named),
      start_ms_(core.options.clock->SteadyMs()),
      deadline_ms_(start_ms_ + absl::ToInt64Milliseconds(core.options.timeout)),
      per_node_(core.nodes->size()) {}

WriteOperation::~WriteOperation() {
  for (size_t node = 0; node < per_node_.size(); ++node) {
    const PerNode& sent = per_node_[node];
    WriterNode& shared = core_.per_node[node];
    if (sent.bytes == 0) continue;
    shared.in_flight_bytes -= sent.bytes;
    shared.bytes_pending->Add(-static_cast<double>(sent.bytes));
    shared.rows_pending->Add(-static_cast<double>(sent.rows));
  }
}

absl::Status WriteOperation::Run() {
  RETURN_IF_ERROR(view_.status);
  core_.ledger.Enter(view_.liveness);
  RETURN_IF_ERROR(RegisterName());
  RETURN_IF_ERROR(Plan());
  RETURN_IF_ERROR(Define());
  StartData();
  RETURN_IF_ERROR(CollectData());
  RETURN_IF_ERROR(CountCopies());
  CountSent();
  return absl::OkStatus();
}

absl::Status WriteOperation::RegisterName() {
  if (named_ == nullptr ||
      core_.names.Has(*named_, view_.generation, view_.liveness)) {
    return absl::OkStatus();
  }
  if ((view_.features & wire::kFeatureTenantNames) == 0) {
    return base::Unavailable(
        "a storage node that is up is of a release without tenants by name "
        "(X-Scope-OrgID)");
  }
  proto::TenantNames request;
  wire::ToProto(named_->id, named_->name, *request.add_tenants());
  const std::string payload = request.SerializeAsString();
  std::vector<std::unique_ptr<rpc::Call>> calls(per_node_.size());
  for (size_t node = 0; node < calls.size(); ++node) {
    if (!view_.live[node]) continue;
    calls[node] = core_.nodes->channel(node).Start(wire::kTenantNames, payload);
  }
  uint32_t answered = 0;
  for (size_t node = 0; node < calls.size(); ++node) {
    if (calls[node] == nullptr) continue;
    const absl::StatusOr<std::optional<std::string>> answer =
        calls[node]->Next(DeadlineFor(node, answered));
    proto::TenantNamesResponse response;
    if (answer.ok() && answer->has_value() &&
        response.ParseFromString(**answer) && response.refused_size() == 1) {
      if (response.refused(0)) {
        return base::InvalidArgument(
            "the tenant ", named_->name,
            " cannot be stored: another tenant's name has its id, ",
            model::TenantText(named_->id), "; choose another name");
      }
      ++answered;
    } else if (absl::IsOutOfRange(answer.status())) {
      return base::InvalidArgument("the tenant ", named_->name,
                                   " cannot be stored: ",
                                   base::Message(answer.status()));
    } else if (absl::IsResourceExhausted(answer.status())) {
      return answer.status();  // says nothing of the node's health
    } else {
      Fail(node, answer.ok() ? base::DataLoss("no answer to TENANTNAMES")
                             : answer.status());
    }
  }
  if (!any_failed_) {
    core_.names.Note(*named_, view_.generation, view_.liveness);
  }
  return absl::OkStatus();
}

bool WriteOperation::IsRepeat(uint32_t i) {
  const SeriesRows& row = rows_[i];
  if (row.labels.empty()) return false;
  const auto found = defined_.find(row.route);
  if (found == defined_.end()) return false;
  found->second.size += row.size();
  repeats_.push_back({i, found->second.row});
  return true;
}

absl::Status WriteOperation::PlanDefinition(uint32_t i) {
  const SeriesRows& row = rows_[i];
  SeriesRoute& route = *row.route;
  if (row.labels.empty()) {
    return Outdated("a route does not fit and has no labels");
  }
  const bool owners_known =
      route.generation == view_.generation && route.detour == 0;
  SeriesRoute placed;
  RETURN_IF_ERROR(view_.Place(row.slot, placed));
  // A reference that is known already stays: only what is new is defined.
  if (!owners_known || placed.detour != 0) route = placed;
  for (uint32_t k = 0; k < kReplicationFactorMax; ++k) {
    const uint16_t node = route.nodes[k];
    if (node == kNoNode || !view_.live[node] || per_node_[node].failed) {
      continue;
    }
    if (route.refs[k] == kNoRef) per_node_[node].definitions.push_back({i, k});
  }
  defined_.try_emplace(&route, FirstRow{i, row.size()});
  return absl::OkStatus();
}

absl::Status WriteOperation::Plan() {
  for (uint32_t i = 0; i < rows_.size(); ++i) {
    rows_[i].refused = model::Refusal::kNone;
    if (IsRepeat(i)) continue;
    const SeriesRoute& route = *rows_[i].route;
    if (!view_.Fits(route)) RETURN_IF_ERROR(PlanDefinition(i));
    any_detour_ = any_detour_ || route.detour != 0;
  }
  return absl::OkStatus();
}

void WriteOperation::Fail(size_t node, absl::Status error) {
  core_.keeper->Suspend(node);
  core_.per_node[node].connection_errors->Increment();
  per_node_[node].failed = true;
  per_node_[node].error = std::move(error);
  any_failed_ = true;
}

void WriteOperation::StartDefine(size_t node) {
  PerNode& state = per_node_[node];
  for (size_t first = 0; first < state.definitions.size();
       first += kDefineSeries) {
    const size_t count =
        std::min(kDefineSeries, state.definitions.size() - first);
    proto::DefineRequest request;
    for (size_t i = first; i < first + count; ++i) {
      const SeriesRows& row = rows_[state.definitions[i].row];
      proto::DefineRequest::Series& series = *request.add_series();
      series.mutable_tenant()->set_kind(row.tenant.kind);
      series.mutable_tenant()->set_id(row.tenant.id);
      series.set_labels(row.labels.data(), row.labels.size());
      series.set_rows(
          static_cast<uint32_t>(defined_.find(row.route)->second.size));
    }
    state.calls.push_back({core_.nodes->channel(node).Start(
                               wire::kDefine, request.SerializeAsString()),
                           first, count});
  }
}

absl::Status WriteOperation::TakeDefined(size_t node, const Sent& sent,
                                         const std::string& answer) {
  proto::DefineResponse response;
  if (!response.ParseFromString(answer) ||
      response.refs_size() != static_cast<int>(sent.count) ||
      (response.refused_size() != 0 &&
       response.refused_size() != response.refs_size())) {
    Fail(node, base::DataLoss("an answer to DEFINE that does not fit"));
    return absl::OkStatus();
  }
  if (response.ref_epoch() != view_.ref_epochs[node]) {
    core_.keeper->Redefine(view_.generation);
    return Outdated("a node has a new ref epoch");
  }
  for (size_t i = 0; i < sent.count; ++i) {
    const Copy& copy = per_node_[node].definitions[sent.first + i];
    const int at = static_cast<int>(i);
    if (response.refused_size() != 0 && response.refused(at) != 0) {
      rows_[copy.row].refused = ToRefusal(response.refused(at));
    } else {
      rows_[copy.row].route->refs[copy.k] = response.refs(at);
    }
  }
  return absl::OkStatus();
}

absl::Status WriteOperation::Define() {
  uint32_t answered = 0;
  for (size_t node = 0; node < per_node_.size(); ++node) StartDefine(node);
  for (size_t node = 0; node < per_node_.size(); ++node) {
    const int64_t deadline_ms = DeadlineFor(node, answered);
    for (const Sent& sent : per_node_[node].calls) {
      absl::StatusOr<std::optional<std::string>> answer =
          sent.call->Next(deadline_ms);
      if (answer.ok() && answer->has_value()) {
        RETURN_IF_ERROR(TakeDefined(node, sent, **answer));
      } else if (!answer.ok() && IsOurFault(answer.status())) {
        return base::Internal("a definition was refused: ",
                              base::Message(answer.status()));
      } else {
        Fail(node, answer.ok() ? base::Unavailable("no answer to DEFINE")
                               : answer.status());
      }
      if (per_node_[node].failed) break;
    }
    per_node_[node].calls.clear();
    answered += per_node_[node].failed ? 0 : 1;
  }
  for (const Repeat& repeat : repeats_) {
    rows_[repeat.row].refused = rows_[repeat.first].refused;
  }
  return absl::OkStatus();
}

int64_t WriteOperation::NextAcceptMs() {
  // Never back: what a later delete hides must not depend on a set clock.
  const int64_t now_ms = core_.options.clock->NowMs();
  int64_t last = core_.accept_ms.load();
  while (last < now_ms &&
         !core_.accept_ms.compare_exchange_weak(last, now_ms)) {
  }
  return std::max(last, now_ms);
}

void WriteOperation::SendFrame(size_t node, wire::DataFrameBuilder& builder) {
  std::string frame = builder.Finish(core_.options.ack, view_.ref_epochs[node],
                                     core_.options.compress);
  PerNode& state = per_node_[node];
  state.bytes += static_cast<int64_t>(frame.size());
  state.calls.push_back(
      {core_.nodes->channel(node).Start(wire::kData, std::move(frame)), 0, 0});
}

void WriteOperation::AddRows(const SeriesRows& row, uint64_t ref,
                             wire::DataFrameBuilder& builder) {
  if (!row.values.empty()) {
    builder.Add(row.tenant, ref, row.timestamps_ms, row.values);
  }
  if (row.others == nullptr) return;
  const OtherRows& others = *row.others;
  for (size_t i = 0; i < others.histograms.size(); ++i) {
    builder.kinds().AddHistogram(row.tenant, ref,
                                 others.histogram_timestamps_ms[i],
                                 others.histograms[i]);
  }
  for (const model::ExemplarView& one : others.exemplars) {
    builder.kinds().AddExemplar(row.tenant, ref, one.timestamp_ms, one.value,
                                one.labels);
  }
  for (const model::StartRun& run : others.starts) {
    builder.kinds().AddStart(row.tenant, ref, run);
  }
}

void WriteOperation::AddMetadata(std::vector<wire::DataFrameBuilder>& builders,
                                 int64_t accept_ms) const {
  if (metadata_.empty()) return;
  for (size_t node = 0; node < per_node_.size(); ++node) {
    if (!view_.live[node] || per_node_[node].failed) continue;
    wire::DataFrameBuilder& builder = builders[node];
    if (builder.rows() == 0) builder.Start(view_.ring->id(), accept_ms);
    for (const MetadataRows& rows : metadata_) {
      for (const model::MetricMetadata& one : rows.metadata) {
        builder.kinds().AddMetadata(rows.tenant, one);
      }
    }
  }
}

void WriteOperation::StartData() {
  const int64_t accept_ms = NextAcceptMs();
  for (size_t node = 0; node < per_node_.size(); ++node) {
    if (view_.live[node] && !per_node_[node].failed &&
        core_.per_node[node].in_flight_bytes.load() > kWindowBytes) {
      Fail(node,
           base::Unavailable("its window of ", kWindowBytes, " bytes is full"));
    }
  }
  std::vector<wire::DataFrameBuilder> builders(per_node_.size());
  for (const SeriesRows& row : rows_) {
    const auto count = static_cast<uint32_t>(row.size());
    for (uint32_t k = 0; k < kReplicationFactorMax; ++k) {
      if (!Reaches(row, k)) continue;
      const uint16_t node = row.route->nodes[k];
      wire::DataFrameBuilder& builder = builders[node];
      if (builder.rows() > 0 && (builder.rows() + count > wire::kFrameRows ||
                                 builder.kinds().bytes() > kFrameKindBytes)) {
        SendFrame(node, builder);
      }
      if (builder.rows() == 0) builder.Start(view_.ring->id(), accept_ms);
      AddRows(row, row.route->refs[k], builder);
      per_node_[node].rows += count;
    }
  }
  AddMetadata(builders, accept_ms);
  for (size_t node = 0; node < per_node_.size(); ++node) {
    PerNode& state = per_node_[node];
    WriterNode& shared = core_.per_node[node];
    if (builders[node].rows() > 0) SendFrame(node, builders[node]);
    shared.in_flight_bytes += state.bytes;
    shared.bytes_pending->Add(static_cast<double>(state.bytes));
    shared.rows_pending->Add(static_cast<double>(state.rows));
    shared.rows_pushed->Add(state.rows);
  }
}

int64_t WriteOperation::DeadlineFor(size_t node, uint32_t answered) const {
  // Once copies_min nodes have answered, one that has not gets less time: it
  // must not hold up writes that are safe without it. Before that the last
  // one gets all the time there is.
  const bool spare =
      view_.replication_factor > view_.copies_min &&
      (answered >= view_.copies_min || node + 1 < per_node_.size());
  return spare ? std::min(deadline_ms_,
                          start_ms_ + absl::ToInt64Milliseconds(
                                          core_.options.laggard_timeout))
               : deadline_ms_;
}

absl::Status WriteOperation::TakeAck(size_t node, const std::string& answer) {
  proto::Ack ack;
  if (!ack.ParseFromString(answer)) {
    Fail(node, base::DataLoss("an answer to DATA that is no Ack"));
  } else if (ack.redefine()) {
    core_.keeper->Redefine(view_.generation);
    return Outdated("a node asks for definitions");
  }
  return absl::OkStatus();
}

absl::Status WriteOperation::CollectData() {
  uint32_t answered = 0;
  for (size_t node = 0; node < per_node_.size(); ++node) {
    PerNode& state = per_node_[node];
    if (state.calls.empty()) continue;
    const int64_t deadline_ms = DeadlineFor(node, answered);
    for (const Sent& sent : state.calls) {
      absl::StatusOr<std::optional<std::string>> answer =
          sent.call->Next(deadline_ms);
      if (answer.ok() && answer->has_value()) {
        RETURN_IF_ERROR(TakeAck(node, **answer));
      } else if (!answer.ok() && IsOurFault(answer.status())) {
        return base::Internal("a data record was refused: ",
                              base::Message(answer.status()));
      } else {
        Fail(node, answer.ok() ? base::Unavailable("no answer to DATA")
                               : answer.status());
      }
      if (state.failed) break;
    }
    core_.per_node[node].send_seconds->Add(
        static_cast<double>(core_.options.clock->SteadyMs() - start_ms_) *
        1e-3);
    if (state.failed) continue;
    ++answered;
    core_.keeper->Succeeded(node);
  }
  return absl::OkStatus();
}

absl::Status WriteOperation::CountCopies() {
  if (view_.all_live && !any_failed_ && !any_detour_) return absl::OkStatus();
  RETURN_IF_ERROR(CountMetadataCopies());
  MissedBy missed;
  int64_t incomplete = 0;
  const uint32_t owners = view_.ring->replication_factor();
  for (const SeriesRows& row : rows_) {
    if (row.refused != model::Refusal::kNone) continue;
    const SeriesRoute& route = *row.route;
    uint32_t copies = 0;
    for (uint32_t k = 0; k < kReplicationFactorMax; ++k) {
      copies += Reaches(row, k);
    }
    if (copies < view_.copies_min) {
      return any_failed_ ? Outdated(base::Message(TooFew())) : TooFew();
    }
    const auto count = static_cast<int64_t>(row.size());
    if (copies < view_.replication_factor) incomplete += count;
    model::TimeRange span;
    if (!SpanOf(row, span)) continue;
    const auto miss = [&](uint64_t owner) {
      for (uint32_t k = 0; k < kReplicationFactorMax; ++k) {
        if (!Reaches(row, k)) continue;
        MissedSlots& entry = missed[{owner, route.nodes[k]}];
        entry.slots.push_back(row.slot);
        entry.span.start_ms = std::min(entry.span.start_ms, span.start_ms);
        entry.span.end_ms = std::max(entry.span.end_ms, span.end_ms);
      }
    };
    for (uint32_t o = 0; o < owners; ++o) {
      const uint16_t owner = view_.Owner(row.slot, o);
      bool has = false;
      for (uint32_t k = 0; k < kReplicationFactorMax; ++k) {
        has = has || (route.nodes[k] == owner && Reaches(row, k));
      }
      if (!has) miss(view_.node_ids[owner]);
    }
    // An owner that was never heard of has no id.
    if (owners < view_.replication_factor) miss(0);
  }
  RETURN_IF_ERROR(RecordMissed(missed));
  core_.rows_incomplete->Add(incomplete);
  return absl::OkStatus();
}

// The nodes that were down get it with the sender's next round, a minute later;
// reads ask all nodes meanwhile.
absl::Status WriteOperation::CountMetadataCopies() const {
  if (metadata_.empty()) return absl::OkStatus();
  uint32_t copies = 0;
  for (size_t node = 0; node < per_node_.size(); ++node) {
    copies += view_.live[node] && !per_node_[node].failed;
  }
  if (copies >= view_.copies_min) return absl::OkStatus();
  return any_failed_ ? Outdated(base::Message(TooFew())) : TooFew();
}

absl::Status WriteOperation::RecordMissed(const MissedBy& missed) {
  struct Pending {
    uint64_t owner;
    uint16_t holder;
    std::vector<uint32_t> slots;
    model::TimeRange span;
    std::unique_ptr<rpc::Call> call;
  };
  std::vector<Pending> pending;
  for (const auto& [key, entry] : missed) {
    const auto& [owner, holder] = key;
    std::vector<uint32_t> slots = entry.slots;
    std::sort(slots.begin(), slots.end());
    slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
    const model::TimeRange span = RoundToHours(entry.span);
    slots = core_.ledger.NotYet(owner, view_.node_ids[holder], slots, span);
    if (slots.empty()) continue;
    proto::Missed record;
    record.set_owner(owner);
    record.set_ring(view_.ring->id());
    record.set_start_ms(span.start_ms);
    record.set_end_ms(span.end_ms);
    record.mutable_slots()->Add(slots.begin(), slots.end());
    pending.push_back({owner, holder, std::move(slots), span,
                       core_.nodes->channel(holder).Start(
                           wire::kMissed, record.SerializeAsString())});
  }
  for (Pending& one : pending) {
    const auto answer = one.call->Next(deadline_ms_);
    if (!answer.ok() || !answer->has_value()) {
      // Its copy stands, but nothing says that the owner lacks one: not an
      // acknowledged write. The next attempt does without this node.
      Fail(one.holder, answer.ok() ? base::Unavailable("no answer to MISSED")
                                   : answer.status());
      return Outdated(base::Message(TooFew()));
    }
    core_.ledger.Add(view_.liveness, one.owner, view_.node_ids[one.holder],
                     one.slots, one.span);
  }
  return absl::OkStatus();
}

absl::Status WriteOperation::TooFew() const {
  std::string text =
      base::StrCat("fewer than ", view_.copies_min, " copies could be stored:");
  for (size_t node = 0; node < per_node_.size(); ++node) {
    if (per_node_[node].failed) {
      base::StrAppend(&text, " ", core_.nodes->node(node).address, ": ",
                      base::Message(per_node_[node].error), ";");
    } else if (!view_.live[node]) {
      base::StrAppend(&text, " ", core_.nodes->node(node).address,
                      ": not connected;");
    }
  }
  text.pop_back();
  return base::Unavailable(text);
}

void WriteOperation::CountSent() {
  // Only now, when all copies are made: who sums this counter over the nodes
  // and sees N more rows must find all their copies.
  for (size_t node = 0; node < per_node_.size(); ++node) {
    if (per_node_[node].failed) continue;
    core_.per_node[node].rows_sent->Add(per_node_[node].rows);
  }
  if (!any_detour_) return;
  for (const SeriesRows& row : rows_) {
    if (row.route->detour == 0 || row.refused != model::Refusal::kNone) {
      continue;
    }
    const auto count = static_cast<int64_t>(row.size());
    for (uint32_t o = 0; o < view_.ring->replication_factor(); ++o) {
      const uint16_t owner = view_.Owner(row.slot, o);
      if (!view_.live[owner]) {
        core_.per_node[owner].rows_rerouted_from->Add(count);
      }
    }
    for (const uint16_t node : row.route->nodes) {
      bool owns = node == kNoNode;
      for (uint32_t o = 0; o < view_.ring->replication_factor(); ++o) {
        owns = owns || view_.Owner(row.slot, o) == node;
      }
      if (!owns) core_.per_node[node].rows_rerouted_to->Add(count);
    }
  }
}

}  // namespace varve::cluster
