#include "lib/cluster/reader.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "lib/base/clock.h"
#include "lib/base/machine.h"
#include "lib/base/status.h"
#include "lib/cluster/cardinality_merge.h"
#include "lib/cluster/read_judge.h"
#include "lib/cluster/series_merge.h"
#include "lib/wire/convert.h"
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

// Fills what all requests have.
template <typename Message>
void FillRequest(const ReadRequest& request, Message& message) {
  wire::ToProto(request.tenant, *message.mutable_tenant());
  wire::ToProto(request.matcher_groups, *message.mutable_groups());
  message.set_start_ms(request.range.start_ms);
  message.set_end_ms(request.range.end_ms);
}

std::vector<std::unique_ptr<rpc::Call>> StartAll(NodeSet& nodes,
                                                 rpc::Method method,
                                                 const std::string& payload) {
  std::vector<std::unique_ptr<rpc::Call>> calls;
  calls.reserve(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    calls.push_back(nodes.channel(i).Start(method, payload));
  }
  return calls;
}

template <typename Message>
absl::StatusOr<Message> OneAnswer(rpc::Call& call, int64_t deadline_ms) {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   call.Next(deadline_ms));
  Message message;
  if (!bytes || !message.ParseFromString(*bytes)) {
    return base::DataLoss("an answer that cannot be read");
  }
  return message;
}

// Asks all nodes; calls fn(node, message) for each that answered.
template <typename Message, typename Fn>
absl::Status AskAll(NodeSet& nodes, rpc::Method method,
                    const std::string& payload, const ReadRequest& request,
                    ReadJudge& judge, Fn&& fn) {
  auto calls = StartAll(nodes, method, payload);
  for (size_t i = 0; i < calls.size(); ++i) {
    auto message = OneAnswer<Message>(*calls[i], request.deadline_steady_ms);
    if (message.ok()) {
      judge.Answered(i, message->coverage());
      fn(i, *std::move(message));
    } else if (IsRequestsFault(message.status())) {
      return message.status();
    } else {
      judge.Failed(i, message.status());
    }
  }
  return absl::OkStatus();
}

}  // namespace

Reader::Reader(NodeSet* nodes, ReaderOptions options)
    : nodes_(nodes),
      options_(std::move(options)),
      own_pool_(MakePool(options_)) {}

Reader::~Reader() = default;

base::ThreadPool& Reader::pool() {
  return options_.pool != nullptr ? *options_.pool : *own_pool_;
}

absl::StatusOr<std::unique_ptr<SeriesMerge>> Reader::Search(
    const ReadRequest& request) {
  proto::SearchRequest message;
  FillRequest(request, message);
  message.set_series_max(request.series_max);
  message.set_labels_only(request.labels_only);
  message.set_keep_all(options_.dedup.keep_all);
  message.set_all_kinds(true);
  message.set_exemplars(request.exemplars);
  MergeContext context;
  context.nodes = nodes_;
  context.options = &options_;
  context.pool = &pool();
  context.request = request;
  context.now_ms = base::SystemClock().NowMs();
  context.calls =
      StartAll(*nodes_, wire::kSearch, message.SerializeAsString());
  return nodes_->size() == 1 ? MakeSingleNodeMerge(std::move(context))
                             : MakeHashMerge(std::move(context));
}

absl::StatusOr<std::vector<std::string>> Reader::Labels(
    const ReadRequest& request, const std::string& label, int64_t limit,
    ReadOutcome& outcome) {
  proto::LabelsRequest message;
  FillRequest(request, message);
  message.set_limit(limit);
  message.set_label(label);
  ReadJudge judge(nodes_, &options_);
  std::vector<std::string> all;
  RETURN_IF_ERROR(AskAll<proto::LabelsResponse>(
      *nodes_, wire::kLabels, message.SerializeAsString(), request, judge,
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
  proto::CardinalityRequest message;
  FillRequest(request, message);
  message.set_focus_label(focus_label);
  message.set_top_n(top_n);
  ReadJudge judge(nodes_, &options_);
  std::vector<std::pair<size_t, proto::CardinalityResponse>> answers;
  RETURN_IF_ERROR(AskAll<proto::CardinalityResponse>(
      *nodes_, wire::kCardinality, message.SerializeAsString(), request, judge,
      [&](size_t node, proto::CardinalityResponse response) {
        answers.emplace_back(node, std::move(response));
      }));
  ASSIGN_OR_RETURN(outcome, judge.Outcome(request.deny_partial));
  const double group_copies =
      std::max(1, options_.global_replication_factor);
  CardinalityMerge merge;
  for (const auto& [node, response] : answers) {
    merge.Add(response,
              judge.Copies(nodes_->node(node).group) * group_copies);
  }
  return merge.Finish(top_n);
}

absl::StatusOr<std::vector<model::StoredMetadata>> Reader::Metadata(
    const ReadRequest& request, const std::string& metric, int64_t limit,
    ReadOutcome& outcome) {
  proto::MetadataRequest message;
  wire::ToProto(request.tenant, *message.mutable_tenant());
  message.set_metric(metric);
  message.set_limit(limit);
  ReadJudge judge(nodes_, &options_);
  std::map<std::string, model::StoredMetadata> merged;
  RETURN_IF_ERROR(AskAll<proto::MetadataResponse>(
      *nodes_, wire::kMetadata, message.SerializeAsString(), request, judge,
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

absl::StatusOr<std::vector<model::TenantId>> Reader::Tenants(
    const ReadRequest& request, ReadOutcome& outcome) {
  proto::TenantsRequest message;
  message.set_start_ms(request.range.start_ms);
  message.set_end_ms(request.range.end_ms);
  ReadJudge judge(nodes_, &options_);
  std::vector<model::TenantId> all;
  RETURN_IF_ERROR(AskAll<proto::TenantsResponse>(
      *nodes_, wire::kTenants, message.SerializeAsString(), request, judge,
      [&](size_t node, const proto::TenantsResponse& response) {
        for (const proto::Tenant& tenant : response.tenants()) {
          const auto id = wire::FromProto(tenant);
          if (id.ok()) {
            all.push_back(*id);
          } else {
            judge.Failed(node, base::DataLoss(base::Message(id.status())));
          }
        }
      }));
  ASSIGN_OR_RETURN(outcome, judge.Outcome(request.deny_partial));
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace varve::cluster
