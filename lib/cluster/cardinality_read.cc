#include "lib/cluster/cardinality_read.h"

#include <algorithm>

#include "lib/base/status.h"
#include "lib/cluster/ask_nodes.h"
#include "lib/cluster/cardinality_merge.h"
#include "lib/cluster/read_judge.h"
#include "lib/model/slot_set.h"
#include "lib/wire/methods.h"

namespace varve::cluster {
namespace {

// Entries of each list that a node counts for the sum over nodes. A pair that
// is beyond the list of one node counts less there than that many others.
constexpr int64_t kCountEntries = 100'000;
constexpr int kCountAttempts = 3;

}  // namespace

struct CardinalityRead::CountPlan {
  std::unique_ptr<ReadJudge> judge;
  std::vector<model::SlotSet> slots;  // by node
  model::SlotSet disputed;
  int64_t agreed_series = 0;  // of all slots but the disputed
};

absl::Status CardinalityRead::PlanCount(const ReadRequest& request,
                                        CountPlan& plan) const {
  proto::CardinalityRequest message;
  FillRequest(request, message);
  message.set_digests(true);
  plan.judge = std::make_unique<ReadJudge>(nodes_, &options_);
  plan.slots.assign(nodes_->size(), model::SlotSet());
  plan.disputed = model::SlotSet();
  plan.agreed_series = 0;
  struct Held {
    uint32_t count = 0;
    uint64_t sum = 0;
    bool disputed = false;
    std::vector<uint16_t> nodes;
  };
  std::vector<Held> held(model::SlotSet::kSlots);
  RETURN_IF_ERROR(AskAll<proto::CardinalityResponse>(
      wire::kCardinality, message.SerializeAsString(), request, *plan.judge,
      [&](size_t node, const proto::CardinalityResponse& digest) {
        const int n = std::min({digest.digest_slots_size(),
                                digest.digest_counts_size(),
                                digest.digest_sums_size()});
        for (int i = 0; i < n; ++i) {
          Held& slot = held[digest.digest_slots(i) % held.size()];
          if (slot.nodes.empty()) {
            slot.count = digest.digest_counts(i);
            slot.sum = digest.digest_sums(i);
          } else if (slot.count != digest.digest_counts(i) ||
                     slot.sum != digest.digest_sums(i)) {
            slot.disputed = true;
          }
          slot.nodes.push_back(static_cast<uint16_t>(node));
        }
      }));
  for (size_t i = 0; i < held.size(); ++i) {
    const Held& slot = held[i];
    if (slot.nodes.empty()) continue;
    if (slot.disputed) {
      plan.disputed.Add(static_cast<uint16_t>(i));
    } else {
      plan.slots[slot.nodes[i % slot.nodes.size()]].Add(
          static_cast<uint16_t>(i));
      plan.agreed_series += slot.count;
    }
  }
  return absl::OkStatus();
}

absl::Status CardinalityRead::MergeSeries(const ReadRequest& request,
                                          const std::string& slots,
                                          const std::string& focus_label,
                                          CardinalityMerge& merge,
                                          ReadOutcome& outcome) const {
  ReadRequest labels = request;
  labels.labels_only = true;
  ASSIGN_OR_RETURN(const std::unique_ptr<SeriesMerge> series,
                   search_(labels, slots));
  std::vector<MergedSeries> batch;
  while (true) {
    RETURN_IF_ERROR(series->Next(batch));
    if (batch.empty()) break;
    for (const MergedSeries& one : batch) merge.Add(one.labels, focus_label);
  }
  outcome = series->outcome();
  return absl::OkStatus();
}

absl::StatusOr<proto::CardinalityResponse> CardinalityRead::CountMerged(
    const ReadRequest& request, const std::string& focus_label, int64_t top_n,
    ReadOutcome& outcome) const {
  CardinalityMerge merge;
  RETURN_IF_ERROR(MergeSeries(request, "", focus_label, merge, outcome));
  return merge.Finish(std::max<int64_t>(top_n, 1));
}

bool CardinalityRead::AnySelect() const {
  for (size_t node = 0; node < nodes_->size(); ++node) {
    const absl::StatusOr<NodeGreeting> greeting = nodes_->Greeting(node);
    if (greeting.ok() && greeting->is_select) return true;
  }
  return false;
}

absl::Status CardinalityRead::CountAgreed(const ReadRequest& request,
                                          const CountPlan& plan,
                                          const std::string& focus_label,
                                          CardinalityMerge& merge) const {
  proto::CardinalityRequest message;
  FillRequest(request, message);
  message.set_focus_label(focus_label);
  message.set_top_n(kCountEntries);
  message.set_value_hashes(true);
  std::vector<std::unique_ptr<rpc::Call>> calls;
  for (size_t node = 0; node < nodes_->size(); ++node) {
    if (plan.slots[node].empty()) continue;
    message.set_slots(plan.slots[node].Bytes());
    calls.push_back(nodes_->channel(node).Start(wire::kCardinality,
                                                message.SerializeAsString()));
  }
  for (const auto& call : calls) {
    ASSIGN_OR_RETURN(const auto counted,
                     OneAnswer<proto::CardinalityResponse>(*call, request));
    merge.Add(counted);
  }
  return absl::OkStatus();
}

absl::StatusOr<proto::CardinalityResponse> CardinalityRead::CountAlone(
    const ReadRequest& request, const std::string& focus_label, int64_t top_n,
    ReadOutcome& outcome) const {
  proto::CardinalityRequest message;
  FillRequest(request, message);
  message.set_focus_label(focus_label);
  message.set_top_n(std::max<int64_t>(top_n, 1));
  ReadJudge judge(nodes_, &options_);
  proto::CardinalityResponse counted;
  RETURN_IF_ERROR(AskAll<proto::CardinalityResponse>(
      wire::kCardinality, message.SerializeAsString(), request, judge,
      [&](size_t, proto::CardinalityResponse response) {
        counted = std::move(response);
      }));
  ASSIGN_OR_RETURN(outcome, judge.Outcome(request.deny_partial));
  return counted;
}

absl::StatusOr<proto::CardinalityResponse> CardinalityRead::Count(
    const ReadRequest& request, const std::string& focus_label, int64_t top_n,
    ReadOutcome& outcome) const {
  absl::Status status;
  if (nodes_->size() == 1) {
    return CountAlone(request, focus_label, top_n, outcome);
  }
  if (AnySelect()) return CountMerged(request, focus_label, top_n, outcome);
  // A node that fails between the two questions is left out of the next plan.
  for (int attempt = 0; attempt < kCountAttempts; ++attempt) {
    CountPlan plan;
    RETURN_IF_ERROR(PlanCount(request, plan));
    ASSIGN_OR_RETURN(outcome, plan.judge->Outcome(request.deny_partial));
    CardinalityMerge merge;
    ReadOutcome ignored;  // the plan's nodes are judged
    status = plan.disputed.empty()
                 ? absl::OkStatus()
                 : MergeSeries(request, plan.disputed.Bytes(), focus_label,
                               merge, ignored);
    if (status.ok() && top_n == 0) {
      proto::CardinalityResponse all = merge.Finish(1);
      all.set_total_series(all.total_series() + plan.agreed_series);
      return all;
    }
    if (status.ok()) status = CountAgreed(request, plan, focus_label, merge);
    if (status.ok()) return merge.Finish(top_n);
    if (IsRequestsFault(status) || IsCancelled(request)) return status;
  }
  return status;
}

}  // namespace varve::cluster
