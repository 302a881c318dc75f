#include "lib/cluster/view_keeper.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/cluster/joined_nodes.h"
#include "lib/cluster/ring_message.h"
#include "lib/wire/features.h"
#include "lib/wire/methods.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {
namespace {

constexpr int64_t kCallMs = 2'000;
// A holder that is full stays so until an owner is back; each change of what
// takes hints makes writers define their series elsewhere.
constexpr int64_t kHintRefusalMs = 300'000;

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

ViewKeeper::ViewKeeper(const NodeSet* nodes, WriterNodes* per_node,
                       const ViewKeeperOptions& options)
    : nodes_(nodes),
      per_node_(per_node),
      options_(options),
      grace_start_ms_(options.clock->SteadyMs()),
      awaited_(nodes->list()),
      handover_(options.clock) {}

bool ViewKeeper::GraceOver() const {
  return options_.clock->SteadyMs() - grace_start_ms_.load() >=
         options_.start_grace_ms;
}

ViewKeeper::SeenNode ViewKeeper::LookAt(const Node& node,
                                        int64_t now_ms) const {
  rpc::Channel& channel = *node.channel;
  if (node.health.Fit(channel, now_ms)) {
    return {.connection = channel.connection_epoch() + 1,
            .refuses_hints = node.health.RefusesHints(now_ms)};
  }
  const bool rerouted = channel.connected() ? options_.reroute_slow
                                            : options_.reroute_unavailable;
  return {
      .hinted = node.health.DownForMs(now_ms) < options_.hint_age_max_ms,
      .rerouted = rerouted,
  };
}

ViewKeeper::Seen ViewKeeper::Look() const {
  const int64_t now_ms = options_.clock->SteadyMs();
  Seen seen;
  seen.nodes = nodes_->list();
  seen.node.reserve(seen.nodes->size());
  for (const std::shared_ptr<const Node>& node : seen.nodes->nodes()) {
    seen.node.push_back(LookAt(*node, now_ms));
  }
  seen.grace_over = GraceOver();
  seen.redefine = redefine_.load();
  seen.redefine_hints = redefine_hints_.load();
  seen.put_period = now_ms / kRingPeriodMs;
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
  redefine_hints_ = false;
  std::shared_ptr<const WriteView> built = Build(seen, before.get());
  lock.Lock();
  seen.redefine = false;
  seen.redefine_hints = false;
  seen_ = std::move(seen);
  view_ = built;
  building_ = false;
  built_.NotifyAll();
  return built;
}

void ViewKeeper::Suspend(const Node& node) {
  node.health.Suspend(*node.channel, options_.clock->SteadyMs());
}

void ViewKeeper::RefuseHints(const Node& node) {
  node.health.RefuseHints(options_.clock->SteadyMs() + kHintRefusalMs);
}

void ViewKeeper::Redefine(uint32_t generation) {
  base::MutexLock lock(mutex_);
  if (view_ != nullptr && view_->generation == generation) redefine_ = true;
}

void ViewKeeper::RedefineHints(uint32_t liveness) {
  base::MutexLock lock(mutex_);
  if (view_ != nullptr && view_->liveness == liveness) redefine_hints_ = true;
}

std::shared_ptr<const WriteView> ViewKeeper::Build(Seen& seen,
                                                   const WriteView* before) {
  auto view = std::make_shared<WriteView>();
  view->nodes = seen.nodes;
  const size_t n = seen.nodes->size();
  view->replication_factor = options_.replication_factor;
  view->copies_min = options_.copies_min;
  view->writers = per_node_->Of(*seen.nodes);
  view->live.resize(n);
  for (size_t i = 0; i < n; ++i) {
    view->live[i] = seen.node[i].connection != 0;
  }
  // Of nodes that were found only now the first are not the only ones.
  if (!ring_put_ && awaited_.lock() != view->nodes) {
    awaited_ = view->nodes;
    grace_start_ms_ = options_.clock->SteadyMs();
    seen.grace_over = GraceOver();  // its end makes another view
  }
  LearnFromGreetings(seen, *view);
  const auto unknown = [&writers = view->writers] {
    return std::find_if(writers.begin(), writers.end(),
                        [](const WriterNode* one) { return one->node_id == 0; });
  };
  if (unknown() != view->writers.end()) LearnFromRings(*view);
  if (const auto node = unknown();
      node != view->writers.end() && !GraceOver()) {
    const auto i = static_cast<size_t>(node - view->writers.begin());
    view->status = base::Unavailable("waiting for storage node ",
                                     seen.nodes->node(i).address,
                                     ", whose id is not known yet");
  }
  Join(*view);
  MakeRing(*view, before);
  PlanDetours(seen, *view);
  NumberView(seen, *view, before);
  if (view->ring == nullptr || !view->status.ok()) return view;
  ring_put_ = true;
  std::vector<uint64_t> connections;
  for (const SeenNode& one : seen.node) connections.push_back(one.connection);
  handover_.Put(*view, before, connections);
  return view;
}

void ViewKeeper::LearnFromGreetings(const Seen& seen, WriteView& view) {
  view.features = ~uint64_t{0};
  view.takes_hints.resize(view.live.size());
  view.keeps_missed.resize(view.live.size());
  view.level_below.resize(view.live.size());
  for (size_t i = 0; i < view.nodes->size(); ++i) {
    if (!view.live[i]) continue;
    const absl::StatusOr<NodeGreeting> greeting = view.nodes->Greeting(i);
    if (!greeting.ok() || greeting->node_id == 0) {
      view.live[i] = false;
      continue;
    }
    view.features &= greeting->features;
    view.takes_hints[i] = (greeting->features & wire::kFeatureHints) != 0 &&
                          !seen.node[i].refuses_hints;
    view.keeps_missed[i] = (greeting->features & wire::kFeatureMissed) != 0;
    view.level_below[i] = greeting->is_insert;
    WriterNode& known = *view.writers[i];
    known.node_id = greeting->node_id;
    known.level_below = greeting->is_insert;
    known.member_ids = greeting->member_ids;
    known.zone =
        greeting->zone.empty() ? view.nodes->node(i).group : greeting->zone;
    known.weight = greeting->weight;
    known.ref_epoch = greeting->ref_epoch;
    known.features = greeting->features;
  }
  for (const WriterNode* const known : view.writers) {
    if (known->features == 0) continue;
    view.features_known = view.features_known == 0
                              ? known->features
                              : view.features_known & known->features;
  }
}

void ViewKeeper::LearnFromRings(const WriteView& view) {
  const int64_t deadline_ms = options_.clock->SteadyMs() + kCallMs;
  const NodeList& nodes = *view.nodes;
  std::vector<int64_t> learned_ms(nodes.size(), INT64_MIN);
  // By now the cluster of an insert node may have another id.
  const auto id_of = [&](const proto::Ring::Member& member) {
    for (size_t n = 0; n < nodes.size(); ++n) {
      if (view.level_below[n] && IsAddressOf(member, nodes.node(n).address)) {
        return view.writers[n]->node_id;
      }
    }
    return uint64_t{member.node_id()};
  };
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!view.live[i]) continue;
    const absl::StatusOr<std::string> answer =
        rpc::CallOnce(nodes.channel(i), wire::kGetRings, "", deadline_ms);
    proto::RingList rings;
    if (!answer.ok() || !rings.ParseFromString(*answer)) continue;
    for (const proto::Ring& ring : rings.rings()) {
      for (const proto::Ring::Member& member : ring.members()) {
        for (size_t n = 0; n < nodes.size(); ++n) {
          // What a live node says of itself is better than a ring.
          if (view.live[n] || !IsAddressOf(member, nodes.node(n).address) ||
              ring.last_ms() <= learned_ms[n]) {
            continue;
          }
          learned_ms[n] = ring.last_ms();
          view.writers[n]->node_id = id_of(member);
          view.writers[n]->zone = member.zone();
          view.writers[n]->weight = std::max(member.weight(), 1U);
        }
      }
    }
  }
}

void ViewKeeper::Join(WriteView& view) const {
  std::vector<ToldNode> told;
  for (size_t i = 0; i < view.nodes->size(); ++i) {
    const WriterNode& known = *view.writers[i];
    told.push_back({.id = known.node_id,
                    .up = view.live[i] != 0,
                    .members = known.member_ids});
  }
  view.joined_ids = JoinedIds(told);
  static base::LogEvery every(60'000);
  for (size_t i = 0; i < told.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      if (view.joined_ids[i] != view.joined_ids[k] ||
          told[i].id == told[k].id || !every.Due()) {
        continue;
      }
      base::LogInfo(view.nodes->node(k).address, " and ",
                    view.nodes->node(i).address,
                    " write to some of the same storage nodes: they are one "
                    "cluster, though their lists differ");
    }
  }
}

void ViewKeeper::MakeRing(WriteView& view, const WriteView* before) {
  std::vector<placement::Member> members;
  view.node_ids.resize(view.nodes->size());
  view.ref_epochs.resize(view.nodes->size());
  // What is up first: of two addresses of a node the other one is its old one.
  std::vector<size_t> order(view.nodes->size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_partition(order.begin(), order.end(),
                        [&view](size_t i) { return view.live[i] != 0; });
  for (const size_t i : order) {
    const WriterNode& known = *view.writers[i];
    const uint64_t id = view.joined_ids[i];
    view.ref_epochs[i] = known.ref_epoch;
    if (id == 0) continue;
    const auto first =
        std::find(view.node_ids.begin(), view.node_ids.end(), id);
    if (first != view.node_ids.end()) {
      // The insert nodes of a cluster below are one node.
      if (!known.level_below) {
        base::LogWarn("two addresses of -storageNode reach one node: ",
                      view.nodes->node(i).address, " is left out");
      }
      view.live[i] = false;
      continue;
    }
    view.node_ids[i] = id;
    members.push_back(
        {.node_id = id, .zone = known.zone, .weight = known.weight});
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
  // Another address of a node that is up is not one that is down.
  view.all_live =
      std::all_of(view.node_of_member.begin(), view.node_of_member.end(),
                  [&view](uint16_t node) { return view.live[node] != 0; }) &&
      std::all_of(view.writers.begin(), view.writers.end(),
                  [](const WriterNode* one) { return one->node_id != 0; }) &&
      view.ring->replication_factor() == view.replication_factor;
}

void ViewKeeper::PlanDetours(const Seen& seen, WriteView& view) const {
  const size_t n = view.live.size();
  view.rerouted.resize(n);
  // Numbers of lanes are below kNoLane.
  const size_t hinted_max =
      view.replication_factor < 2 || n == 0 ? 0 : kNoLane / n - 1;
  for (size_t i = 0; i < n; ++i) {
    if (view.live[i]) continue;
    // Lost since it was looked at, when it was up.
    const bool lost = seen.node[i].connection != 0;
    view.takes_hints[i] = false;
    view.rerouted[i] =
        lost ? options_.reroute_unavailable : seen.node[i].rerouted;
    const bool hinted =
        lost ? options_.hint_age_max_ms > 0 : seen.node[i].hinted;
    if (view.node_ids[i] != 0 && hinted &&
        view.hinted.size() < hinted_max) {
      view.hinted.push_back(static_cast<uint16_t>(i));
    }
  }
}

void ViewKeeper::NumberView(const Seen& seen, WriteView& view,
                            const WriteView* before) {
  const auto new_logs = [&view] {
    return std::make_shared<HintLogs>(view.hinted.size() * view.live.size());
  };
  if (before == nullptr) {
    view.generation = 1;
    view.liveness = 1;
    view.hint_logs = new_logs();
    return;
  }
  // Numbers of nodes mean nothing in another list.
  const bool same_nodes = before->nodes == view.nodes;
  // Nor do those of two addresses of one node.
  bool same = same_nodes && before->ring == view.ring &&
              before->node_of_member == view.node_of_member && !seen.redefine;
  for (size_t i = 0; same_nodes && i < view.nodes->size(); ++i) {
    // Epoch 0: never met, so that no route has a reference of it.
    same = same && (before->ref_epochs[i] == view.ref_epochs[i] ||
                    before->ref_epochs[i] == 0);
  }
  view.generation = before->generation + (same ? 0 : 1);
  const bool same_detours =
      same_nodes && before->live == view.live &&
      before->rerouted == view.rerouted && before->hinted == view.hinted &&
      (view.hinted.empty() || before->takes_hints == view.takes_hints) &&
      !seen.redefine_hints;
  view.liveness = before->liveness + (same_detours ? 0 : 1);
  view.hint_logs = same_detours ? before->hint_logs : new_logs();
}

}  // namespace varve::cluster
