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
// How soon they are asked again while slots are disputed.
constexpr int64_t kRelearnMs = 10'000;

template <typename Message>
bool Read(const absl::StatusOr<std::string>& answer, Message& message) {
  return answer.ok() && message.ParseFromString(*answer);
}

}  // namespace

std::optional<std::vector<model::SlotSet>> ReadPlan::Substitutes(
    const model::SlotSet& share, const std::vector<bool>& failed) const {
  if (able.empty() || !disputed.empty()) return std::nullopt;
  std::vector<model::SlotSet> shares(able.size());
  std::vector<size_t> others;  // of one slot
  size_t turn = 0;
  for (size_t slot = 0; slot < model::SlotSet::kSlots; ++slot) {
    const auto at = static_cast<uint16_t>(slot);
    if (!share.Has(at)) continue;
    others.clear();
    for (size_t node = 0; node < able.size(); ++node) {
      if (!failed[node] && able[node].Has(at)) others.push_back(node);
    }
    if (others.empty()) return std::nullopt;
    shares[others[turn++ % others.size()]].Add(at);
  }
  return shares;
}

std::shared_ptr<const ReadPlan> ReadPlanner::PlanFor(
    const std::shared_ptr<const NodeList>& nodes,
    const model::TimeRange& range, Rows rows) {
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
  if (!Know()) return nullptr;
  std::shared_ptr<const ReadPlan> plan = Plan(range, rows);
  if ((plan != nullptr && plan->disputed.empty()) ||
      learned_ms_ > clock_.SteadyMs() - kRelearnMs) {
    return plan;
  }
  LearnAll();
  return plannable_ ? Plan(range, rows) : nullptr;
}

bool ReadPlanner::Know() {
  bool known = !told_.empty();
  for (size_t i = 0; known && i < told_.size(); ++i) {
    known = told_[i].connection_epoch == nodes_->channel(i).connection_epoch();
  }
  if (!known) {
    if (!plannable_ && learned_ms_ > clock_.SteadyMs() - kRetryMs) return false;
    LearnAll();
  }
  return plannable_;
}

void ReadPlanner::LearnAll() {
  plans_.clear();
  plannable_ = Learn() && AreAlike() && FindOwners();
  learned_ms_ = clock_.SteadyMs();
  if (!plannable_) told_.clear();
}

std::shared_ptr<const ReadPlan> ReadPlanner::Plan(
    const model::TimeRange& range, Rows rows) {
  const NodeBits lacking = LackingIn(range);
  const NodeBits whole = rows == Rows::kSamples ? WholeIn(range) : 0;
  std::shared_ptr<const ReadPlan>& plan = plans_[{lacking, whole}];
  if (plan == nullptr) plan = MakePlan(lacking, whole);
  return plan;
}

ReadPlanner::NodeBits ReadPlanner::LackingIn(
    const model::TimeRange& range) const {
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
  return lacking;
}

ReadPlanner::NodeBits ReadPlanner::WholeIn(
    const model::TimeRange& range) const {
  if (newest_owners_.empty()) return 0;
  int64_t other_rows_ms = 0;
  for (const Told& told : told_) {
    other_rows_ms = std::max<int64_t>(other_rows_ms,
                                      told.coverage.other_rows_ms());
  }
  NodeBits whole = 0;
  for (size_t i = 0; i < told_.size(); ++i) {
    const proto::Coverage& coverage = told_[i].coverage;
    if (coverage.whole_at_ms() > 0 &&
        coverage.whole_at_ms() >= other_rows_ms &&
        coverage.whole_from_ms() <= range.start_ms) {
      whole |= NodeBits{1} << i;
    }
  }
  return whole;
}

void ReadPlanner::Forget() {
  base::MutexLock lock(mutex_);
  nodes_ = nullptr;
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
    told.features = greeting->features;
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

bool ReadPlanner::AreAlike() const {
  std::set<uint64_t> ids;
  const proto::Coverage& first = told_[0].coverage;
  return std::ranges::all_of(told_, [&](const Told& told) {
    return told.coverage.node_id() != 0 &&
           ids.insert(told.coverage.node_id()).second &&
           told.coverage.storage_rules() == first.storage_rules() &&
           told.coverage.dedup_interval_ms() == first.dedup_interval_ms() &&
           told.coverage.dedup_keep_all() == first.dedup_keep_all();
  });
}

uint64_t ReadPlanner::CommonNewestRing() const {
  const auto& newest = told_[0].coverage.newest_ring();
  for (const Told& told : told_) {
    const auto& ring = told.coverage.newest_ring();
    if (ring.ring_id() != newest.ring_id() ||
        static_cast<size_t>(ring.members_size()) != told_.size()) {
      return 0;
    }
    for (const uint64_t id : ring.members()) {
      if (BitOf(id) == 0) return 0;
    }
  }
  return newest.ring_id();
}

bool ReadPlanner::FindOwners() {
  owners_.assign(placement::kSlots, ~NodeBits{0});
  newest_owners_.clear();
  const uint64_t newest = CommonNewestRing();
  std::set<uint64_t> rings;
  for (const Told& told : told_) {
    for (const proto::Ring& ring : told.rings.rings()) {
      // Every node knows the usual ring; one without members says less than
      // the same ring with them, and stays.
      if (!ring.members().empty() && !rings.insert(ring.ring_id()).second) {
        continue;
      }
      std::vector<NodeBits> owners = OwnersBy(ring);
      if (owners.empty()) {
        owners_.assign(placement::kSlots, 0);
        continue;
      }
      for (size_t slot = 0; slot < owners_.size(); ++slot) {
        owners_[slot] &= owners[slot];
      }
      if (ring.ring_id() == newest) newest_owners_ = std::move(owners);
    }
  }
  return !rings.empty();
}

std::vector<ReadPlanner::NodeBits> ReadPlanner::OwnersBy(
    const proto::Ring& ring) const {
  if (ring.members().empty()) return {};
  std::vector<placement::Member> members;
  for (const proto::Ring::Member& member : ring.members()) {
    members.push_back({.node_id = member.node_id(),
                       .zone = member.zone(),
                       .weight = member.weight()});
  }
  const placement::Ring made =
      placement::Ring::Make(std::move(members), ring.replication_factor());
  if (made.id() != ring.ring_id()) return {};
  std::vector<NodeBits> bits;  // by member
  for (const placement::Member& member : made.members()) {
    bits.push_back(BitOf(member.node_id));
  }
  std::vector<NodeBits> owners(placement::kSlots);
  for (size_t slot = 0; slot < owners.size(); ++slot) {
    for (const uint16_t member : made.Owners(static_cast<uint16_t>(slot))) {
      owners[slot] |= bits[member];
    }
  }
  return owners;
}

std::shared_ptr<const ReadPlan> ReadPlanner::MakePlan(NodeBits lacking,
                                                      NodeBits whole) const {
  auto plan = std::make_shared<ReadPlan>();
  plan->slots.resize(told_.size());
  if (std::ranges::all_of(told_, [](const Told& told) {
        return (told.features & wire::kFeatureEndsAtDamage) != 0;
      })) {
    plan->able.resize(told_.size());
  }
  plan->dedup = {
      .interval_ms = told_[0].coverage.dedup_interval_ms(),
      .keep_all = told_[0].coverage.dedup_keep_all()};
  for (const Told& told : told_) {
    plan->coverage_versions.push_back(told.coverage.coverage_version());
  }
  bool any = false;
  for (size_t slot = 0; slot < owners_.size(); ++slot) {
    const NodeBits by_newest =
        newest_owners_.empty() ? 0 : newest_owners_[slot] & whole;
    NodeBits able = (owners_[slot] | by_newest) & ~lacking;
    if (able == 0) {
      plan->disputed.Add(static_cast<uint16_t>(slot));
      continue;
    }
    any = true;
    for (size_t node = 0; node < plan->able.size(); ++node) {
      if ((able >> node & 1) != 0) {
        plan->able[node].Add(static_cast<uint16_t>(slot));
      }
    }
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
