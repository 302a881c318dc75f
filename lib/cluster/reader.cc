#include "lib/cluster/reader.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "lib/base/clock.h"
#include "lib/base/machine.h"
#include "lib/base/status.h"
#include "lib/cluster/ask_nodes.h"
#include "lib/cluster/cardinality_read.h"
#include "lib/cluster/planned_shares.h"
#include "lib/cluster/read_judge.h"
#include "lib/cluster/read_planner.h"
#include "lib/cluster/rollup_read.h"
#include "lib/cluster/series_merge.h"
#include "lib/model/slot_set.h"
#include "lib/wire/convert.h"
#include "lib/wire/features.h"
#include "lib/wire/methods.h"

namespace varve::cluster {
namespace {

// Threads read one node each and mostly wait for it.
constexpr size_t kReadThreadsMin = 16;

std::unique_ptr<base::ThreadPool> MakePool(const ReaderOptions& options) {
  if (options.pool != nullptr) return nullptr;
  return std::make_unique<base::ThreadPool>(
      "read", std::max<size_t>(kReadThreadsMin,
                               4 * static_cast<size_t>(base::CpuThreads())));
}

// What a plan asks of a node; of a null plan all.
void FillShare(const ReadPlan* plan, size_t node, const model::SlotSet& slots,
               int64_t deadline_steady_ms, proto::SearchRequest& search) {
  FillTimeout(deadline_steady_ms, search);
  if (plan == nullptr) return;
  search.set_slots(slots.Bytes());
  search.set_coverage_version(plan->coverage_versions[node]);
}

StartShare SearchShares(std::shared_ptr<const NodeList> nodes,
                        std::shared_ptr<const ReadPlan> plan,
                        int64_t deadline_steady_ms,
                        proto::SearchRequest message) {
  return [nodes = std::move(nodes), plan = std::move(plan), deadline_steady_ms,
          message = std::move(message)](size_t node,
                                        const model::SlotSet& own) mutable {
    model::SlotSet slots = own;
    slots.AddAll(plan->disputed);
    FillShare(plan.get(), node, slots, deadline_steady_ms, message);
    return nodes->channel(node).Start(wire::kSearch,
                                      message.SerializeAsString());
  };
}

StartShare RollupShares(std::shared_ptr<const NodeList> nodes,
                        std::shared_ptr<const ReadPlan> plan,
                        int64_t deadline_steady_ms,
                        proto::RollupRequest message) {
  return [nodes = std::move(nodes), plan = std::move(plan), deadline_steady_ms,
          message = std::move(message)](size_t node,
                                        const model::SlotSet& slots) mutable {
    FillShare(plan.get(), node, slots, deadline_steady_ms,
              *message.mutable_search());
    return nodes->channel(node).Start(wire::kRollup,
                                      message.SerializeAsString());
  };
}

}  // namespace

int ReaderOptions::ReplicationFactor(const std::string& group) const {
  int factor = 1;
  for (const auto& [name, value] : replication_factors) {
    if (name == group) return value;
    if (name.empty()) factor = value;
  }
  return factor;
}

Reader::Reader(NodeSet* nodes, ReaderOptions options)
    : nodes_(nodes),
      options_(std::move(options)),
      own_pool_(MakePool(options_)),
      planner_(std::make_unique<ReadPlanner>(options_.clock)) {
  // A node that left must not be held until the next query.
  nodes_->Listen([this] { planner_->Forget(); });
}

Reader::~Reader() { nodes_->Listen(nullptr); }

base::ThreadPool& Reader::pool() {
  return options_.pool != nullptr ? *options_.pool : *own_pool_;
}

proto::SearchRequest Reader::SearchMessage(const ReadRequest& request) const {
  proto::SearchRequest message;
  FillRequest(request, message);
  message.set_series_max(request.series_max);
  message.set_labels_only(request.labels_only);
  message.set_keep_all(options_.dedup.keep_all || request.keep_all);
  message.set_all_kinds(true);
  message.set_exemplars(request.exemplars);
  message.set_starts(request.starts);
  return message;
}

MergeContext Reader::ContextOf(std::shared_ptr<const NodeList> nodes,
                               const ReadRequest& request) {
  MergeContext context;
  context.nodes = std::move(nodes);
  context.options = &options_;
  context.pool = &pool();
  context.request = request;
  context.now_ms = base::SystemClock().NowMs();
  return context;
}

absl::StatusOr<std::unique_ptr<SeriesMerge>> Reader::Search(
    const ReadRequest& request) {
  const std::shared_ptr<const NodeList> nodes = nodes_->list();
  const auto rows = request.exemplars || request.labels_only
                        ? ReadPlanner::Rows::kOthers
                        : ReadPlanner::Rows::kSamples;
  const std::shared_ptr<const ReadPlan> plan =
      request.one_copy && request.slots.empty() &&
              !options_.skip_slow_replicas && !options_.all_copies
          ? planner_->PlanFor(nodes, request.range, rows)
          : nullptr;
  if (plan == nullptr) return StartSearch(nodes, request, request.slots);
  return MakePlannedMerge(
      ContextOf(nodes, request), plan, planner_.get(),
      SearchShares(nodes, plan, request.deadline_steady_ms,
                   SearchMessage(request)),
      [this, request] { return StartSearch(nodes_->list(), request, ""); });
}

absl::StatusOr<std::unique_ptr<SeriesMerge>> Reader::StartSearch(
    std::shared_ptr<const NodeList> nodes, const ReadRequest& request,
    const std::string& slots) {
  proto::SearchRequest message = SearchMessage(request);
  message.set_slots(slots);
  const bool one_node = nodes->size() == 1;
  MergeContext context = ContextOf(std::move(nodes), request);
  context.calls =
      StartAll(*context.nodes, wire::kSearch, message.SerializeAsString());
  return one_node ? MakeSingleNodeMerge(std::move(context))
                             : MakeHashMerge(std::move(context));
}

absl::StatusOr<std::unique_ptr<RollupRead>> Reader::Rollup(
    const ReadRequest& request, proto::RollupRequest work) {
  if (!options_.pushdown) return nullptr;
  // These change samples before windows are computed over them.
  if (options_.dedup.interval_ms > 0 || !options_.downsampling.empty()) {
    return nullptr;
  }
  *work.mutable_search() = SearchMessage(request);
  std::shared_ptr<const ReadPlan> plan;
  const std::shared_ptr<const NodeList> nodes = nodes_->list();
  if (nodes->size() == 1) {
    const absl::StatusOr<NodeGreeting> greeting = nodes->Greeting(0);
    if (!greeting.ok() || (greeting->features & wire::kFeatureRollup) == 0) {
      return nullptr;
    }
  } else {
    if (options_.skip_slow_replicas || options_.all_copies) return nullptr;
    plan = planner_->PlanFor(nodes, request.range);
    if (plan == nullptr) return nullptr;
  }
  auto read = std::make_unique<RollupRead>(
      nodes, &options_, request, plan, planner_.get(),
      RollupShares(nodes, plan, request.deadline_steady_ms, std::move(work)));
  if (plan != nullptr && !plan->disputed.empty()) {
    ASSIGN_OR_RETURN(
        std::unique_ptr<SeriesMerge> rest,
        StartSearch(nodes, request, plan->disputed.Bytes()));
    read->SetRest(std::move(rest));
  }
  return read;
}

absl::StatusOr<std::vector<std::string>> Reader::Labels(
    const ReadRequest& request, const std::string& label, int64_t limit,
    ReadOutcome& outcome) {
  proto::LabelsRequest message;
  FillRequest(request, message);
  message.set_limit(limit);
  message.set_label(label);
  ReadJudge judge(nodes_->list(), &options_);
  std::vector<std::string> all;
  RETURN_IF_ERROR(AskAll<proto::LabelsResponse>(
      wire::kLabels, message.SerializeAsString(), request, judge,
      [&](size_t, proto::LabelsResponse response) {
        std::move(response.mutable_items()->begin(),
                  response.mutable_items()->end(), std::back_inserter(all));
      }));
  ASSIGN_OR_RETURN(outcome, judge.Outcome(request.deny_partial));
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  if (limit > 0 && all.size() > static_cast<size_t>(limit)) {
    all.resize(static_cast<size_t>(limit));
  }
  return all;
}

absl::StatusOr<proto::CardinalityResponse> Reader::Cardinality(
    const ReadRequest& request, const std::string& focus_label, int64_t top_n,
    ReadOutcome& outcome) {
  const std::shared_ptr<const NodeList> nodes = nodes_->list();
  const CardinalityRead read(
      nodes, options_,
      [this, nodes](const ReadRequest& labels, const std::string& slots) {
        return StartSearch(nodes, labels, slots);
      });
  return read.Count(request, focus_label, top_n, outcome);
}

absl::StatusOr<proto::NameUsageResponse> Reader::NameUsage(
    const ReadRequest& request, ReadOutcome& outcome) {
  proto::NameUsageRequest message;
  wire::ToProto(request.tenant, request.tenant_name,
                *message.mutable_tenant());
  ReadJudge judge(nodes_->list(), &options_);
  using Entry = proto::NameUsageResponse::Entry;
  std::map<std::string, Entry> names;
  proto::NameUsageResponse all;
  RETURN_IF_ERROR(AskAll<proto::NameUsageResponse>(
      wire::kNameUsage, message.SerializeAsString(), request, judge,
      [&](size_t, const proto::NameUsageResponse& response) {
        if (all.since_s() == 0 || response.since_s() < all.since_s()) {
          all.set_since_s(response.since_s());
        }
        for (const Entry& one : response.names()) {
          Entry& entry = names[one.name()];
          entry.set_name(one.name());
          entry.set_queries(std::max(entry.queries(), one.queries()));
          entry.set_last_s(std::max(entry.last_s(), one.last_s()));
        }
      }));
  ASSIGN_OR_RETURN(outcome, judge.Outcome(request.deny_partial));
  std::vector<Entry> sorted;
  for (auto& [name, entry] : names) sorted.push_back(std::move(entry));
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Entry& a, const Entry& b) {
                     return a.queries() < b.queries();
                   });
  for (Entry& entry : sorted) *all.add_names() = std::move(entry);
  return all;
}

absl::Status Reader::ResetNameUsage(const ReadRequest& request) {
  proto::NameUsageRequest message;
  message.set_reset(true);
  const std::shared_ptr<const NodeList> nodes = nodes_->list();
  absl::Status status =
      nodes->size() > 0
          ? absl::OkStatus()
          : base::Unavailable("no storage node is known yet (-storageNode)");
  for (const auto& call :
       StartAll(*nodes, wire::kNameUsage, message.SerializeAsString())) {
    status.Update(
        OneAnswer<proto::NameUsageResponse>(*call, request).status());
  }
  return status;
}

absl::StatusOr<std::vector<model::StoredMetadata>> Reader::Metadata(
    const ReadRequest& request, const std::string& metric, int64_t limit,
    ReadOutcome& outcome) {
  proto::MetadataRequest message;
  wire::ToProto(request.tenant, request.tenant_name,
                *message.mutable_tenant());
  message.set_metric(metric);
  message.set_limit(limit);
  ReadJudge judge(nodes_->list(), &options_);
  std::map<std::string, model::StoredMetadata> merged;
  RETURN_IF_ERROR(AskAll<proto::MetadataResponse>(
      wire::kMetadata, message.SerializeAsString(), request, judge,
      [&](size_t, const proto::MetadataResponse& response) {
        for (const proto::MetadataResponse::Entry& entry : response.entries()) {
          model::StoredMetadata one{
              request.tenant,
              {entry.metric(), static_cast<model::MetricType>(entry.type()),
               entry.help(), entry.unit()},
              entry.written_ms()};
          const auto [place, is_new] =
              merged.try_emplace(entry.metric(), one);
          if (!is_new && one.ReadsBefore(place->second)) {
            place->second = std::move(one);
          }
        }
      }));
  ASSIGN_OR_RETURN(outcome, judge.Outcome(request.deny_partial));
  std::vector<model::StoredMetadata> all;
  for (auto& [name, one] : merged) {
    if (limit > 0 && static_cast<int64_t>(all.size()) >= limit) break;
    all.push_back(std::move(one));
  }
  return all;
}

absl::StatusOr<std::vector<model::Tenant>> Reader::Tenants(
    const ReadRequest& request, ReadOutcome& outcome) {
  proto::TenantsRequest message;
  message.set_start_ms(request.range.start_ms);
  message.set_end_ms(request.range.end_ms);
  ReadJudge judge(nodes_->list(), &options_);
  std::vector<model::Tenant> all;
  RETURN_IF_ERROR(AskAll<proto::TenantsResponse>(
      wire::kTenants, message.SerializeAsString(), request, judge,
      [&](size_t node, const proto::TenantsResponse& response) {
        for (const proto::Tenant& tenant : response.tenants()) {
          const auto id = wire::FromProto(tenant);
          if (id.ok()) {
            all.push_back({*id, tenant.name()});
          } else {
            judge.Failed(node, base::DataLoss(base::Message(id.status())));
          }
        }
      }));
  ASSIGN_OR_RETURN(outcome, judge.Outcome(request.deny_partial));
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  // A node may not have been told the name that another one has.
  for (size_t i = 0; i + 1 < all.size();) {
    const bool nameless = all[i].id.kind == 1 && all[i].name.empty() &&
                          all[i].id == all[i + 1].id;
    if (nameless) {
      all.erase(all.begin() + static_cast<ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
  return all;
}

absl::StatusOr<std::vector<std::vector<NodeHistory>>> Reader::Histories(
    const ReadRequest& request, std::span<const model::TimeRange> ranges) {
  proto::HistoryRequest message;
  wire::ToProto(request.tenant, request.tenant_name,
                *message.mutable_tenant());
  for (const model::TimeRange& range : ranges) {
    proto::HistoryRequest::Range& one = *message.add_ranges();
    one.set_start_ms(range.start_ms);
    one.set_end_ms(range.end_ms);
  }
  ReadJudge judge(nodes_->list(), &options_);
  std::vector<std::vector<NodeHistory>> all(ranges.size());
  RETURN_IF_ERROR(AskAll<proto::HistoryResponse>(
      wire::kHistory, message.SerializeAsString(), request, judge,
      [&](size_t, const proto::HistoryResponse& response) {
        const auto told = static_cast<size_t>(response.histories_size());
        for (size_t i = 0; i < std::min(told, all.size()); ++i) {
          all[i].push_back(judge.HistoryOf(
              response.coverage(), response.histories(static_cast<int>(i))));
        }
      }));
  for (const std::vector<NodeHistory>& of_range : all) {
    if (of_range.size() != judge.nodes().size()) {
      return base::Unavailable("not every storage node told its history");
    }
  }
  return all;
}

}  // namespace varve::cluster
