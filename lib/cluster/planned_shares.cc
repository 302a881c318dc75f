#include "lib/cluster/planned_shares.h"

#include <utility>

#include "lib/base/status.h"
#include "lib/base/strings.h"

namespace varve::cluster {

std::string PlannedShare::Action(const std::string& own,
                                 const std::string& verb) const {
  if (instead_of.empty()) return own;
  return base::StrCat(verb, " share of ", instead_of, ",");
}

PlannedShares::PlannedShares(std::shared_ptr<const ReadPlan> plan,
                             std::shared_ptr<const NodeList> nodes,
                             StartShare start, telemetry::Counter* asked_again)
    : plan_(std::move(plan)),
      nodes_(std::move(nodes)),
      start_(std::move(start)),
      asked_again_(asked_again),
      heard_(nodes_->size(), false),
      failed_(nodes_->size(), false),
      failures_(nodes_->size()) {}

std::vector<PlannedShare> PlannedShares::StartAll() {
  std::vector<PlannedShare> shares;
  shares.reserve(nodes_->size());
  for (size_t node = 0; node < nodes_->size(); ++node) {
    PlannedShare& share = shares.emplace_back();
    share.node = node;
    if (plan_ != nullptr) share.slots = plan_->slots[node];
    share.call = start_(node, share.slots);
  }
  return shares;
}

void PlannedShares::Failed(size_t node, const absl::Status& why) {
  if (failed_[node]) return;
  failed_[node] = true;
  failures_[node] = why;
}

std::optional<std::vector<PlannedShare>> PlannedShares::Replace(
    const PlannedShare& share) {
  if (!replaceable()) return std::nullopt;
  std::vector<PlannedShare> substitutes;
  if (share.slots.empty()) return substitutes;
  std::optional<std::vector<model::SlotSet>> slots =
      plan_->Substitutes(share.slots, failed_);
  if (!slots) return std::nullopt;
  for (size_t node = 0; node < slots->size(); ++node) {
    if ((*slots)[node].empty()) continue;
    PlannedShare& substitute = substitutes.emplace_back();
    substitute.node = node;
    substitute.slots = std::move((*slots)[node]);
    substitute.instead_of =
        base::StrCat(nodes_->node(share.node).address, ", which failed (",
                     base::Message(failures_[share.node]), ")");
    substitute.call = start_(node, substitute.slots);
  }
  if (asked_again_ != nullptr) asked_again_->Increment();
  return substitutes;
}

absl::Status PlannedShares::Judge(ReadJudge& judge) const {
  bool all_heard = true;
  for (size_t node = 0; node < failed_.size(); ++node) {
    all_heard = all_heard && (!failed_[node] || heard_[node]);
  }
  if (all_heard) return absl::OkStatus();
  for (size_t node = 0; node < failed_.size(); ++node) {
    if (failed_[node] && !judge.answered(node)) {
      judge.Failed(node, failures_[node]);
    }
  }
  ASSIGN_OR_RETURN(const ReadOutcome outcome,
                   judge.Outcome(/*deny_partial=*/false));
  return outcome.is_partial ? base::Unavailable(outcome.warnings.front())
                            : absl::OkStatus();
}

}  // namespace varve::cluster
