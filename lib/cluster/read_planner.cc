#include "lib/cluster/read_planner.h"

#include <algorithm>
#include <bit>
#include <set>
#include <utility>

#include "lib/base/status.h"
#include "lib/placement/ring.h"
#include "lib/wire/features.h"
#include "lib/wire/methods.h"

namespace varve::cluster {
namespace {

constexpr int64_t kCallMs = 2'000;
// How soon nodes are asked again of which no plan could be made.
constexpr int64_t kRetryMs = 1'000;

template <typename Message>
bool Read(const absl::StatusOr<std::string>& answer, Message& message) {
  return answer.ok() && message.ParseFromString(*answer);
}

}  // namespace

std::shared_ptr<const ReadPlan> ReadPlanner::PlanFor(
    const std::shared_ptr<const NodeList>& nodes,
    const model::TimeRange& range) {
  base::MutexLock lock(mutex_);
  if (nodes_ != nodes) {
    nodes_ = nodes;
    told_.clear();
    plannable_ = false;
    learned_ms_ = INT64_MIN;
  }
  if (nodes->size() < 2 || nodes->size() > kNodesMax) return nullptr;
  for (size_t i = 0; i < nodes->size(); ++i) {
    if (!nodes->connected(i) || !nodes->node(i).group.empty()) return nullptr;
  }
  bool known = !told_.empty();
  for (size_t i = 0; known && i < told_.size(); ++i) {
    known = told_[i].connection_epoch == nodes_->channel(i).connection_epoch();
  }
  if (!known) {
    if (!plannable_ &&
        learned_ms_ > clock_.SteadyMs() - kRetryMs) {
      return nullptr;
    }
    plans_.clear();
    plannable_ = Learn() && FindOwners();
    learned_ms_ = clock_.SteadyMs();
    if (!plannable_) told_.clear();
  }
  if (!plannable_) return nullptr;
  NodeBits lacking = 0;
  for (size_t i = 0; i < told_.size(); ++i) {
    const proto::Coverage& coverage = told_[i].coverage;
    if (coverage.damaged() || coverage.replaying()) lacking |= NodeBits{1} << i;
    for (const auto& missed : coverage.missed()) {
      if (range.Overlaps({missed.start_ms(), missed.end_ms()})) {
        lacking |= BitOf(missed.owner());
      }
    }
  }
  std::shared_ptr<const ReadPlan>& plan = plans_[lacking];
  if (plan == nullptr) plan = MakePlan(lacking);
  return plan;
}

void ReadPlanner::Forget() {
  base::MutexLock lock(mutex_);
  told_.clear();
  plannable_ = false;
  learned_ms_ = INT64_MIN;
}

bool ReadPlanner::Learn() {
  const int64_t deadline_ms = clock_.SteadyMs() + kCallMs;
  proto::CoverageRequest request;
  request.set_start_ms(INT64_MIN);
  request.set_end_ms(INT64_MAX);
  told_.assign(nodes_->size(), Told());
  for (size_t i = 0; i < told_.size(); ++i) {
    Told& told = told_[i];
    const absl::StatusOr<NodeGreeting> greeting = nodes_->Greeting(i);
    if (!greeting.ok() || greeting->node_id == 0 ||
        (greeting->features & wire::kFeatureRollup) == 0) {
      return false;
    }
    told.connection_epoch = nodes_->channel(i).connection_epoch();
    // The coverage first: a ring put after it changes the version.
    if (!Read(rpc::CallOnce(nodes_->channel(i), wire::kCoverage,
                            request.SerializeAsString(), deadline_ms),
              told.coverage) ||
        !Read(rpc::CallOnce(nodes_->channel(i), wire::kGetRings, "",
                            deadline_ms),
              told.rings)) {
      return false;
    }
  }
  return true;
}

ReadPlanner::NodeBits ReadPlanner::BitOf(uint64_t node_id) const {
  for (size_t i = 0; i < told_.size(); ++i) {
    if (told_[i].coverage.node_id() == node_id) return NodeBits{1} << i;
  }
  return 0;
}

bool ReadPlanner::FindOwners() {
  std::set<uint64_t> ids;
  for (const Told& told : told_) {
    const proto::Coverage& first = told_[0].coverage;
    if (told.coverage.node_id() == 0 ||
        !ids.insert(told.coverage.node_id()).second ||
        told.coverage.storage_rules() != first.storage_rules() ||
        told.coverage.dedup_interval_ms() != first.dedup_interval_ms() ||
        told.coverage.dedup_keep_all() != first.dedup_keep_all()) {
      return false;
    }
  }
  owners_.assign(placement::kSlots, ~NodeBits{0});
  std::set<uint64_t> rings;
  for (const Told& told : told_) {
    for (const proto::Ring& ring : told.rings.rings()) {
      // Every node knows the usual ring; one without members says less than
      // the same ring with them, and stays.
      if (!ring.members().empty() && !rings.insert(ring.ring_id()).second) {
        continue;
      }
      if (!AddRing(ring)) return false;
    }
  }
  return !rings.empty();
}

bool ReadPlanner::AddRing(const proto::Ring& ring) {
  if (ring.members().empty()) return false;
  std::vector<placement::Member> members;
  for (const proto::Ring::Member& member : ring.members()) {
    members.push_back({.node_id = member.node_id(),
                       .zone = member.zone(),
                       .weight = member.weight()});
  }
  const placement::Ring made =
      placement::Ring::Make(std::move(members), ring.replication_factor());
  if (made.id() != ring.ring_id()) return false;
  std::vector<NodeBits> bits;  // by member
  for (const placement::Member& member : made.members()) {
    bits.push_back(BitOf(member.node_id));
  }
  for (size_t slot = 0; slot < owners_.size(); ++slot) {
    NodeBits owners = 0;
    for (const uint16_t member : made.Owners(static_cast<uint16_t>(slot))) {
      owners |= bits[member];
    }
    owners_[slot] &= owners;
  }
  return true;
}

std::shared_ptr<const ReadPlan> ReadPlanner::MakePlan(NodeBits lacking) const {
  auto plan = std::make_shared<ReadPlan>();
  plan->slots.resize(told_.size());
  plan->dedup = {
      .interval_ms = told_[0].coverage.dedup_interval_ms(),
      .keep_all = told_[0].coverage.dedup_keep_all()};
  for (const Told& told : told_) {
    plan->coverage_versions.push_back(told.coverage.coverage_version());
  }
  bool any = false;
  for (size_t slot = 0; slot < owners_.size(); ++slot) {
    NodeBits able = owners_[slot] & ~lacking;
    if (able == 0) {
      plan->disputed.Add(static_cast<uint16_t>(slot));
      continue;
    }
    any = true;
    // Slots go round the nodes that can read them.
    for (size_t skip = slot % static_cast<size_t>(std::popcount(able));
         skip > 0; --skip) {
      able &= able - 1;
    }
    plan->slots[static_cast<size_t>(std::countr_zero(able))].Add(
        static_cast<uint16_t>(slot));
  }
  if (!any) return nullptr;
  return plan;
}

}  // namespace varve::cluster
