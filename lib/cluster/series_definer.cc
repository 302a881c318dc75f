#include "lib/cluster/series_definer.h"

#include <algorithm>

#include "lib/base/status.h"
#include "lib/wire/methods.h"

namespace varve::cluster {
namespace {

// About 2.5 MB of labels; many calls are under way at once.
constexpr size_t kDefineSeries = 8'192;

model::Refusal ToRefusal(uint32_t number) {
  return number < model::kRefusals ? static_cast<model::Refusal>(number)
                                   : model::Refusal::kInvalidLabels;
}

}  // namespace

bool SeriesDefiner::IsRepeat(uint32_t i) {
  const SeriesRows& row = rows_[i];
  if (row.labels.empty()) return false;
  const auto found = defined_.find(row.route);
  if (found == defined_.end()) return false;
  found->second.size += row.size();
  repeats_.push_back({i, found->second.row});
  return true;
}

void SeriesDefiner::KeepRefs(const SeriesRoute& known,
                             SeriesRoute& placed) const {
  const WriteView& view = attempt_.view();
  if (known.generation != view.generation) return;
  for (uint32_t k = 0; k < kReplicationFactorMax; ++k) {
    const uint16_t lane = placed.lanes[k];
    // Numbers of hint lanes are of one liveness.
    if (lane == kNoLane ||
        (view.is_hint(lane) && known.detour != view.liveness)) {
      continue;
    }
    const auto at = std::find(known.lanes.begin(), known.lanes.end(), lane);
    if (at == known.lanes.end()) continue;
    placed.refs[k] = known.refs[at - known.lanes.begin()];
  }
}

absl::Status SeriesDefiner::PlanRow(uint32_t i) {
  const SeriesRows& row = rows_[i];
  SeriesRoute& route = *row.route;
  if (row.labels.empty()) {
    return Outdated("a route does not fit and has no labels");
  }
  SeriesRoute placed;
  RETURN_IF_ERROR(attempt_.view().Place(row.slot, placed));
  KeepRefs(route, placed);
  route = placed;
  for (uint32_t k = 0; k < kReplicationFactorMax; ++k) {
    const uint16_t lane = route.lanes[k];
    if (!attempt_.usable(lane) || route.refs[k] != kNoRef) continue;
    lanes_[lane].definitions.push_back({i, k});
  }
  defined_.try_emplace(&route, FirstRow{i, row.size()});
  return absl::OkStatus();
}

absl::Status SeriesDefiner::Plan() {
  for (uint32_t i = 0; i < rows_.size(); ++i) {
    rows_[i].refused = model::Refusal::kNone;
    if (IsRepeat(i)) continue;
    const SeriesRoute& route = *rows_[i].route;
    if (!attempt_.view().Fits(route)) RETURN_IF_ERROR(PlanRow(i));
    any_detour_ = any_detour_ || route.detour != 0;
  }
  return absl::OkStatus();
}

void SeriesDefiner::AddSeries(const Copy& copy, SeriesList& list) const {
  const SeriesRows& row = rows_[copy.row];
  proto::DefineRequest::Series& series = *list.Add();
  series.mutable_tenant()->set_kind(row.tenant.kind);
  series.mutable_tenant()->set_id(row.tenant.id);
  series.set_labels(row.labels.data(), row.labels.size());
  series.set_rows(
      static_cast<uint32_t>(defined_.find(row.route)->second.size));
}

void SeriesDefiner::Start(uint16_t lane) {
  const WriteView& view = attempt_.view();
  rpc::Channel& channel = view.nodes->channel(view.node_of(lane));
  const std::vector<Copy>& all = lanes_[lane].definitions;
  for (size_t first = 0; first < all.size(); first += kDefineSeries) {
    const size_t count = std::min(kDefineSeries, all.size() - first);
    const std::span<const Copy> some(all.data() + first, count);
    std::unique_ptr<rpc::Call> call;
    if (view.is_hint(lane)) {
      proto::HintDefineRequest request;
      request.set_owner(view.node_ids[view.hinted_owner(lane)]);
      for (const Copy& one : some) AddSeries(one, *request.mutable_series());
      call = channel.Start(wire::kHintDefine, request.SerializeAsString());
    } else {
      proto::DefineRequest request;
      for (const Copy& one : some) AddSeries(one, *request.mutable_series());
      call = channel.Start(wire::kDefine, request.SerializeAsString());
    }
    lanes_[lane].calls.push_back({std::move(call), first, count});
  }
}

absl::Status SeriesDefiner::TakeDefined(uint16_t node, const Sent& sent,
                                        const std::string& answer) {
  proto::DefineResponse response;
  if (!response.ParseFromString(answer) ||
      response.refs_size() != static_cast<int>(sent.count) ||
      (response.refused_size() != 0 &&
       response.refused_size() != response.refs_size())) {
    attempt_.Fail(node,
                  base::DataLoss("an answer to DEFINE that does not fit"));
    return absl::OkStatus();
  }
  if (response.ref_epoch() != attempt_.view().ref_epochs[node]) {
    attempt_.core().keeper->Redefine(attempt_.view().generation);
    return Outdated("a node has a new ref epoch");
  }
  for (size_t i = 0; i < sent.count; ++i) {
    const Copy& copy = lanes_[node].definitions[sent.first + i];
    const int at = static_cast<int>(i);
    if (response.refused_size() != 0 && response.refused(at) != 0) {
      rows_[copy.row].refused = ToRefusal(response.refused(at));
    } else {
      rows_[copy.row].route->refs[copy.k] = response.refs(at);
    }
  }
  return absl::OkStatus();
}

absl::Status SeriesDefiner::TakeHintsDefined(uint16_t lane, const Sent& sent,
                                             const std::string& answer) {
  const WriteView& view = attempt_.view();
  proto::HintDefineResponse response;
  if (!response.ParseFromString(answer) || response.hint_log() == 0 ||
      response.refs_size() != static_cast<int>(sent.count)) {
    attempt_.Fail(view.node_of(lane),
                  base::DataLoss("an answer to HINTDEFINE that does not fit"));
    return absl::OkStatus();
  }
  if (!view.hint_logs->Agree(lane - view.node_count(), response.hint_log())) {
    attempt_.core().keeper->RedefineHints(view.liveness);
    return Outdated("a node has begun another log of hints");
  }
  for (size_t i = 0; i < sent.count; ++i) {
    const Copy& copy = lanes_[lane].definitions[sent.first + i];
    rows_[copy.row].route->refs[copy.k] = response.refs(static_cast<int>(i));
  }
  return absl::OkStatus();
}

absl::Status SeriesDefiner::Collect(uint16_t lane) {
  for (const Sent& sent : lanes_[lane].calls) {
    if (!attempt_.usable(lane)) break;
    ASSIGN_OR_RETURN(const std::optional<std::string> answer,
                     attempt_.Take(*sent.call, lane, "a definition"));
    if (!answer.has_value()) break;
    RETURN_IF_ERROR(attempt_.view().is_hint(lane)
                        ? TakeHintsDefined(lane, sent, *answer)
                        : TakeDefined(lane, sent, *answer));
  }
  lanes_[lane].calls.clear();
  return absl::OkStatus();
}

absl::Status SeriesDefiner::Run() {
  RETURN_IF_ERROR(Plan());
  for (uint16_t lane = 0; lane < lanes_.size(); ++lane) Start(lane);
  for (uint16_t lane = 0; lane < lanes_.size(); ++lane) {
    RETURN_IF_ERROR(Collect(lane));
  }
  for (const Repeat& repeat : repeats_) {
    rows_[repeat.row].refused = rows_[repeat.first].refused;
  }
  return absl::OkStatus();
}

}  // namespace varve::cluster
