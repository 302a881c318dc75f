#include "lib/cluster/view_keeper.h"

#include <algorithm>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/wire/methods.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {
namespace {

constexpr int64_t kCallMs = 2'000;
constexpr int64_t kBackoffMinMs = 1'000;
constexpr int64_t kBackoffMaxMs = 30'000;
// How often rings are handed over again, so that the span of time they were
// written under is known to about this much.
constexpr int64_t kPutPeriodMs = 600'000;

bool SameMembers(const placement::Ring& ring,
                 const std::vector<placement::Member>& members) {
  return std::equal(ring.members().begin(), ring.members().end(),
                    members.begin(), members.end(),
                    [](const auto& a, const auto& b) {
                      return a.node_id == b.node_id && a.zone == b.zone &&
                             a.weight == b.weight;
                    });
}

}  // namespace

ViewKeeper::ViewKeeper(NodeSet* nodes, const ViewKeeperOptions& options)
    : nodes_(nodes),
      options_(options),
      start_ms_(options.clock->SteadyMs()),
      states_(nodes->size()),
      known_(nodes->size()) {}

ViewKeeper::Seen ViewKeeper::Look() const {
  const int64_t now_ms = options_.clock->SteadyMs();
  Seen seen;
  seen.connections.resize(nodes_->size());
  for (size_t i = 0; i < nodes_->size(); ++i) {
    if (!nodes_->connected(i)) continue;
    // + 1: an epoch may begin at 0.
    const uint64_t epoch = nodes_->channel(i).connection_epoch() + 1;
    const NodeState& state = states_[i];
    const bool suspended = now_ms < state.suspended_until_ms.load() &&
                           epoch == state.suspended_epoch.load();
    seen.connections[i] = suspended ? 0 : epoch;
  }
  seen.grace_over = now_ms - start_ms_ >= options_.start_grace_ms;
  seen.redefine = redefine_.load();
  seen.put_period = now_ms / kPutPeriodMs;
  return seen;
}

std::shared_ptr<const WriteView> ViewKeeper::Current() {
  Seen seen = Look();
  base::MutexLock lock(mutex_);
  while (building_) built_.Wait(lock);
  if (seen_ == seen) return view_;
  seen = Look();  // what the wait was for may have been just this
  if (seen_ == seen) return view_;
  building_ = true;
  const std::shared_ptr<const WriteView> before = view_;
  lock.Unlock();
  redefine_ = false;
  std::shared_ptr<const WriteView> built = Build(seen, before.get());
  lock.Lock();
  seen.redefine = false;
  seen_ = std::move(seen);
  view_ = built;
  building_ = false;
  built_.NotifyAll();
  return built;
}

void ViewKeeper::Suspend(size_t node) {
  NodeState& state = states_[node];
  const int64_t now_ms = options_.clock->SteadyMs();
  const uint64_t epoch = nodes_->channel(node).connection_epoch() + 1;
  // Writes that failed together are one failure.
  if (now_ms < state.suspended_until_ms.load() &&
      epoch == state.suspended_epoch.load()) {
    return;
  }
  const int64_t backoff_ms =
      std::clamp(2 * state.backoff_ms.load(), kBackoffMinMs, kBackoffMaxMs);
  state.backoff_ms = backoff_ms;
  state.suspended_epoch = epoch;
  state.suspended_until_ms = now_ms + backoff_ms;
}

void ViewKeeper::Succeeded(size_t node) {
  if (states_[node].backoff_ms.load(std::memory_order_relaxed) == 0) return;
  states_[node].backoff_ms = 0;
}

void ViewKeeper::Redefine(uint32_t generation) {
  base::MutexLock lock(mutex_);
  if (view_ != nullptr && view_->generation == generation) redefine_ = true;
}

std::shared_ptr<const WriteView> ViewKeeper::Build(const Seen& seen,
                                                   const WriteView* before) {
  auto view = std::make_shared<WriteView>();
  view->replication_factor = options_.replication_factor;
  view->copies_min = options_.copies_min;
  view->live.resize(nodes_->size());
  for (size_t i = 0; i < nodes_->size(); ++i) {
    view->live[i] = seen.connections[i] != 0;
  }
  LearnFromGreetings(*view);
  const auto unknown = [this] {
    return std::find_if(known_.begin(), known_.end(),
                        [](const Known& known) { return known.id == 0; });
  };
  if (unknown() != known_.end()) LearnFromRings(*view);
  if (const auto node = unknown(); node != known_.end() && !seen.grace_over) {
    view->status = base::Unavailable(
        "waiting for storage node ",
        nodes_->node(static_cast<size_t>(node - known_.begin())).address,
        ", whose id is not known yet");
  }
  MakeRing(*view, before);
  NumberView(seen, *view, before);
  if (view->ring == nullptr) return view;
  if (before == nullptr || before->ring != view->ring ||
      options_.clock->SteadyMs() - announced_ms_ >= kPutPeriodMs) {
    announced_.assign(nodes_->size(), 0);
    announced_ms_ = options_.clock->SteadyMs();
  }
  PutRing(seen, *view);
  return view;
}

void ViewKeeper::LearnFromGreetings(WriteView& view) {
  view.features = ~uint64_t{0};
  for (size_t i = 0; i < nodes_->size(); ++i) {
    if (!view.live[i]) continue;
    const absl::StatusOr<NodeGreeting> greeting = nodes_->Greeting(i);
    if (!greeting.ok() || greeting->node_id == 0) {
      view.live[i] = false;
      continue;
    }
    view.features &= greeting->features;
    known_[i] = {
        .id = greeting->node_id,
        .zone = greeting->zone.empty() ? nodes_->node(i).group : greeting->zone,
        .ref_epoch = greeting->ref_epoch};
  }
}

void ViewKeeper::LearnFromRings(const WriteView& view) {
  const int64_t deadline_ms = options_.clock->SteadyMs() + kCallMs;
  std::vector<int64_t> learned_ms(nodes_->size(), INT64_MIN);
  for (size_t i = 0; i < nodes_->size(); ++i) {
    if (!view.live[i]) continue;
    const absl::StatusOr<std::string> answer =
        rpc::CallOnce(nodes_->channel(i), wire::kGetRings, "", deadline_ms);
    proto::RingList rings;
    if (!answer.ok() || !rings.ParseFromString(*answer)) continue;
    for (const proto::Ring& ring : rings.rings()) {
      for (const proto::Ring::Member& member : ring.members()) {
        for (size_t n = 0; n < nodes_->size(); ++n) {
          // What a live node says of itself is better than a ring.
          if (view.live[n] || nodes_->node(n).address != member.address() ||
              ring.last_ms() <= learned_ms[n]) {
            continue;
          }
          learned_ms[n] = ring.last_ms();
          known_[n].id = member.node_id();
          known_[n].zone = member.zone();
        }
      }
    }
  }
}

void ViewKeeper::MakeRing(WriteView& view, const WriteView* before) {
  std::vector<placement::Member> members;
  view.node_ids.resize(nodes_->size());
  view.ref_epochs.resize(nodes_->size());
  for (size_t i = 0; i < nodes_->size(); ++i) {
    const Known& known = known_[i];
    view.ref_epochs[i] = known.ref_epoch;
    if (known.id == 0) continue;
    const bool repeated =
        std::any_of(members.begin(), members.end(),
                    [&known](const auto& m) { return m.node_id == known.id; });
    if (repeated) {
      base::LogWarn("two addresses of -storageNode reach one node: ",
                    nodes_->node(i).address, " is left out");
      view.live[i] = false;
      continue;
    }
    view.node_ids[i] = known.id;
    members.push_back({.node_id = known.id, .zone = known.zone});
  }
  if (members.empty()) {
    view.status = base::Unavailable("no storage node is connected");
    return;
  }
  std::sort(members.begin(), members.end(),
            [](const auto& a, const auto& b) { return a.node_id < b.node_id; });
  if (before != nullptr && before->ring != nullptr &&
      SameMembers(*before->ring, members)) {
    view.ring = before->ring;
  } else {
    view.ring = std::make_shared<const placement::Ring>(
        placement::Ring::Make(members, options_.replication_factor));
  }
  for (const placement::Member& member : view.ring->members()) {
    const auto node =
        std::find(view.node_ids.begin(), view.node_ids.end(), member.node_id);
    view.node_of_member.push_back(
        static_cast<uint16_t>(node - view.node_ids.begin()));
  }
  view.all_live =
      std::all_of(view.live.begin(), view.live.end(),
                  [](uint8_t up) { return up != 0; }) &&
      view.ring->replication_factor() == options_.replication_factor;
}

void ViewKeeper::NumberView(const Seen& seen, WriteView& view,
                            const WriteView* before) {
  if (before == nullptr) {
    view.generation = 1;
    view.liveness = 1;
    return;
  }
  bool same = before->ring == view.ring && !seen.redefine;
  for (size_t i = 0; i < nodes_->size(); ++i) {
    // Epoch 0: never met, so that no route has a reference of it.
    same = same && (before->ref_epochs[i] == view.ref_epochs[i] ||
                    before->ref_epochs[i] == 0);
  }
  view.generation = before->generation + (same ? 0 : 1);
  view.liveness = before->liveness + (before->live == view.live ? 0 : 1);
}

void ViewKeeper::PutRing(const Seen& seen, const WriteView& view) {
  proto::Ring ring;
  ring.set_ring_id(view.ring->id());
  ring.set_replication_factor(view.ring->replication_factor());
  const int64_t now_ms = options_.clock->NowMs();
  ring.set_first_ms(now_ms);
  ring.set_last_ms(now_ms);
  for (size_t m = 0; m < view.ring->members().size(); ++m) {
    const placement::Member& from = view.ring->members()[m];
    proto::Ring::Member& member = *ring.add_members();
    member.set_node_id(from.node_id);
    member.set_zone(from.zone);
    member.set_weight(from.weight);
    member.set_address(nodes_->node(view.node_of_member[m]).address);
  }
  const int64_t deadline_ms = options_.clock->SteadyMs() + kCallMs;
  std::vector<std::pair<size_t, std::unique_ptr<rpc::Call>>> calls;
  for (size_t i = 0; i < nodes_->size(); ++i) {
    if (!view.live[i] || announced_[i] == seen.connections[i]) continue;
    calls.emplace_back(
        i, nodes_->channel(i).Start(wire::kPutRing, ring.SerializeAsString()));
  }
  for (auto& [node, call] : calls) {
    // A node that misses it gets it with the next change or period.
    if (const auto answer = call->Next(deadline_ms); answer.ok()) {
      announced_[node] = seen.connections[node];
    } else {
      base::LogInfo("storage node ", nodes_->node(node).address,
                    " did not take the ring: ", base::Message(answer.status()));
    }
  }
}

}  // namespace varve::cluster
