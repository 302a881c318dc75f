#include "lib/cluster/read_judge.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_join.h"
#include "lib/base/clock.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"

namespace varve::cluster {

bool IsRequestsFault(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnimplemented:
      return true;
    default:
      return false;
  }
}

ReadJudge::ReadJudge(std::shared_ptr<const NodeList> nodes,
                     const ReaderOptions* options)
    : nodes_(std::move(nodes)),
      options_(options),
      answered_(nodes_->size(), false),
      failures_(nodes_->size()),
      node_ids_(nodes_->size(), 0),
      cluster_ids_(nodes_->size()),
      lacks_without_(nodes_->size()),
      histories_(nodes_->size()),
      short_rings_(nodes_->size()),
      dedup_(options->dedup) {}

void ReadJudge::Failed(size_t node, const absl::Status& status) {
  failures_[node] = status;
}

void ReadJudge::Answered(size_t node, const proto::Coverage& coverage) {
  answered_[node] = true;
  node_ids_[node] = coverage.node_id();
  nodes_->node(node).health.node_id = coverage.node_id();
  // A node that is asked twice: what it said before the first read counts.
  if (coverage.has_history() && histories_[node].node_id == 0) {
    histories_[node] = HistoryOf(coverage, coverage.history());
  }
  for (const auto& missed : coverage.missed()) {
    if (missed.owner() != 0) {
      lacking_.insert(missed.owner());
    } else if (missed.levels_above() > 0) {
      short_rings_above_.insert({missed.ring(), missed.levels_above()});
    } else if (missed.ring() != 0) {
      short_rings_[node].insert(missed.ring());
    }
  }
  lacks_without_[node].assign(coverage.lacks_without().begin(),
                             coverage.lacks_without().end());
  NewestRing& ring = newest_rings_[nodes_->node(node).group];
  if (const auto& told = coverage.newest_ring();
      told.last_ms() > ring.last_ms) {
    ring.last_ms = told.last_ms();
    ring.members.assign(told.members().begin(), told.members().end());
  }
  cluster_ids_[node].assign(coverage.cluster_ids().begin(),
                            coverage.cluster_ids().end());
  if (coverage.replaying()) {
    failures_[node] = base::Unavailable("is still replaying its log");
  } else if (coverage.damaged()) {
    failures_[node] = base::DataLoss("left out a damaged block");
  } else if (coverage.partial()) {
    failures_[node] = base::Unavailable(
        "its answer is partial: ", absl::StrJoin(coverage.warnings(), "; "));
  }
  dedup_.interval_ms =
      std::max<int64_t>(dedup_.interval_ms, coverage.dedup_interval_ms());
  dedup_.keep_all = dedup_.keep_all || coverage.dedup_keep_all();
}

NodeHistory ReadJudge::HistoryOf(const proto::Coverage& coverage,
                                 const proto::History& history) const {
  NodeHistory out{.node_id = coverage.node_id(),
                  .coverage_version = coverage.coverage_version(),
                  .changes = history.changes(),
                  .settled = {history.settled_start_ms(),
                              history.settled_end_ms()}};
  const int64_t now_ms = base::SystemClock().NowMs();
  for (const model::DownsampleRule& rule : options_->downsampling) {
    for (const model::DownsampleStep& step : rule.steps) {
      out.settled.start_ms =
          std::max(out.settled.start_ms, now_ms - step.offset_ms);
    }
  }
  return out;
}

bool ReadJudge::IsElsewhere(size_t node) const {
  if (answered_[node]) return false;
  const uint64_t id = nodes_->node(node).health.node_id.load();
  return id != 0 && std::find(node_ids_.begin(), node_ids_.end(), id) !=
                        node_ids_.end();
}

bool ReadJudge::Lacks(size_t node) const {
  if (node_ids_[node] != 0 && lacking_.contains(node_ids_[node])) return true;
  // It may, and who would know, or has the rows, is not here.
  for (const uint64_t id : lacks_without_[node]) {
    if (std::find(node_ids_.begin(), node_ids_.end(), id) == node_ids_.end()) {
      return true;
    }
  }
  // A cluster that cannot tell its ids now may be any of them.
  if (node_ids_[node] == 0 && cluster_ids_[node].empty()) {
    return answered_[node] && !lacking_.empty();
  }
  return std::any_of(cluster_ids_[node].begin(), cluster_ids_[node].end(),
                     [this](uint64_t id) { return lacking_.contains(id); });
}

std::set<std::string> ReadJudge::GroupsOfShortRings() const {
  std::map<std::pair<std::string, uint64_t>, bool> is_whole;
  for (size_t i = 0; i < nodes_->size(); ++i) {
    for (const uint64_t ring : short_rings_[i]) {
      bool& whole = is_whole[{nodes_->node(i).group, ring}];
      whole = whole || (failures_[i].ok() && !Lacks(i));
    }
  }
  std::set<std::string> groups;
  for (const auto& [group_and_ring, whole] : is_whole) {
    if (!whole) groups.insert(group_and_ring.first);
  }
  return groups;
}

int ReadJudge::MembersGone(const std::string& group) const {
  const auto ring = newest_rings_.find(group);
  if (ring == newest_rings_.end()) return 0;
  std::set<uint64_t> known;
  int unknown = 0;  // nodes that were never reached: members, as likely as not
  for (const auto& node : nodes_->nodes()) {
    const uint64_t id = node->health.node_id.load();
    if (id != 0) {
      known.insert(id);
    } else if (node->group == group) {
      ++unknown;
    }
  }
  const auto gone =
      std::count_if(ring->second.members.begin(), ring->second.members.end(),
                    [&known](uint64_t id) { return !known.contains(id); });
  return std::max(0, static_cast<int>(gone) - unknown);
}

ReadJudge::Failures ReadJudge::CountFailures(
    std::vector<std::string>& warnings) const {
  Failures failed;
  for (size_t i = 0; i < nodes_->size(); ++i) {
    failed.any = failed.any || (!failures_[i].ok() && !IsElsewhere(i));
  }
  for (size_t i = 0; i < nodes_->size(); ++i) {
    const Node& node = nodes_->node(i);
    // Rows that a node lacks are with the others: only when one of those failed
    // may they be missing from the answer.
    if (failures_[i].ok() ? !failed.any || !Lacks(i) : IsElsewhere(i)) continue;
    ++failed.by_group[node.group];
    std::string_view why = "lacks rows of this time range";
    if (!failures_[i].ok()) {
      failed.all_late =
          failed.all_late && absl::IsDeadlineExceeded(failures_[i]);
      why = base::Message(failures_[i]);
    }
    warnings.push_back(
        base::StrCat("storage node ", node.address, ": ", why));
  }
  if (!failed.any) return failed;
  for (auto& [group, count] : failed.by_group) {
    const int gone = MembersGone(group);
    if (gone == 0) continue;
    count += gone;
    warnings.push_back(base::StrCat(
        gone, " nodes that rows are written to are at no address of "
              "-storageNode"));
  }
  for (const std::string& group : GroupsOfShortRings()) {
    int& count = failed.by_group[group];
    count = std::max(count, options_->ReplicationFactor(group));
  }
  return failed;
}

absl::StatusOr<ReadOutcome> ReadJudge::Outcome(bool deny_partial) const {
  if (nodes_->size() == 0) {
    return base::Unavailable("no storage node is known yet (-storageNode)");
  }
  ReadOutcome outcome{.dedup = dedup_,
                      .lacking = {lacking_.begin(), lacking_.end()},
                      .short_rings = {short_rings_above_.begin(),
                                      short_rings_above_.end()}};
  const Failures failed = CountFailures(outcome.warnings);
  if (std::find(answered_.begin(), answered_.end(), true) == answered_.end()) {
    std::string text = failed.all_late
                           ? "no storage node answered in the request's time "
                             "(`timeout`, -search.maxQueryDuration)"
                           : "no storage node answered";
    for (const std::string& warning : outcome.warnings) {
      base::StrAppend(&text, "; ", warning);
    }
    return failed.all_late ? base::DeadlineExceeded(text)
                           : base::Unavailable(text);
  }
  int failed_groups = 0;
  for (const auto& [group, count] : failed.by_group) {
    if (count >= options_->ReplicationFactor(group)) ++failed_groups;
  }
  outcome.is_partial =
      failed_groups > 0 && failed_groups >= options_->global_replication_factor;
  if (!outcome.is_partial) outcome.warnings.clear();
  if (!failed.any && std::all_of(histories_.begin(), histories_.end(),
                                 [](const NodeHistory& history) {
                                   return history.node_id != 0;
                                 })) {
    outcome.histories = histories_;
  }
  if (outcome.is_partial && deny_partial) {
    return base::Unavailable("the answer is partial and may not be: ",
                             outcome.warnings.front());
  }
  return outcome;
}

}  // namespace varve::cluster
