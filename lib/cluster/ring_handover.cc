#include "lib/cluster/ring_handover.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/cluster/ring_message.h"
#include "lib/cluster/writer_nodes.h"
#include "lib/wire/methods.h"

namespace varve::cluster {
namespace {

constexpr int64_t kCallMs = 2'000;

}  // namespace

void RingHandover::Put(const WriteView& view, const WriteView* before,
                       const std::vector<uint64_t>& connections) {
  // Nodes find each other by the addresses that come with a ring.
  if (before == nullptr || before->ring != view.ring ||
      AddressesOf(*before) != AddressesOf(view) ||
      clock_.SteadyMs() - announced_ms_ >= kRingPeriodMs) {
    for (WriterNode* const one : view.writers) one->ring_connection = 0;
    announced_ms_ = clock_.SteadyMs();
  }
  std::vector<size_t> to;
  for (size_t i = 0; i < view.nodes->size(); ++i) {
    // Those of a level below that are not written to now may be all that is up
    // when this process starts again.
    if ((view.live[i] || view.level_below[i]) &&
        view.writers[i]->ring_connection != connections[i]) {
      to.push_back(i);
    }
  }
  if (to.empty()) return;
  const proto::Ring message = RingMessage(view, clock_.NowMs());
  known_[message.ring_id()] = message;
  PutOld(view, to);
  const std::string ring = message.SerializeAsString();
  const int64_t deadline_ms = clock_.SteadyMs() + kCallMs;
  std::vector<std::pair<size_t, std::unique_ptr<rpc::Call>>> calls;
  for (const size_t i : to) {
    calls.emplace_back(i, view.nodes->channel(i).Start(wire::kPutRing, ring));
  }
  for (auto& [node, call] : calls) {
    // A node that misses it gets it with the next change or period.
    if (const auto answer = call->Next(deadline_ms); answer.ok()) {
      view.writers[node]->ring_connection = connections[node];
    } else {
      base::LogInfo("storage node ", view.nodes->node(node).address,
                    " did not take the ring: ", base::Message(answer.status()));
    }
  }
}

void RingHandover::PutOld(const WriteView& view,
                          const std::vector<size_t>& to) {
  const int64_t deadline_ms = clock_.SteadyMs() + kCallMs;
  Told told(view.nodes->size());
  const size_t known_before = known_.size();
  Ask(view, to, deadline_ms, told);
  const auto lacks_some = [&](size_t i) {
    return told[i] && told[i]->size() < known_.size();
  };
  if (known_.size() == known_before && std::ranges::none_of(to, lacks_some)) {
    return;
  }
  std::vector<size_t> others;
  for (size_t i = 0; i < view.nodes->size(); ++i) {
    if (std::ranges::count(to, i) == 0) others.push_back(i);
  }
  Ask(view, others, deadline_ms, told);
  std::vector<std::unique_ptr<rpc::Call>> puts;
  for (size_t i = 0; i < told.size(); ++i) {
    if (!told[i]) continue;
    for (const auto& [id, ring] : known_) {
      if (id == view.ring->id() || told[i]->contains(id)) continue;
      puts.push_back(view.nodes->channel(i).Start(wire::kPutRing,
                                                  ring.SerializeAsString()));
    }
  }
  for (const auto& put : puts) (void)put->Next(deadline_ms);
}

void RingHandover::Ask(const WriteView& view, const std::vector<size_t>& nodes,
                       int64_t deadline_ms, Told& told) {
  std::vector<std::pair<size_t, std::unique_ptr<rpc::Call>>> calls;
  for (const size_t i : nodes) {
    if (!view.live[i] || view.level_below[i]) continue;
    calls.emplace_back(i, view.nodes->channel(i).Start(wire::kGetRings, ""));
  }
  for (auto& [node, call] : calls) {
    const auto answer = call->Next(deadline_ms);
    proto::RingList rings;
    if (!answer.ok() || !*answer || !rings.ParseFromString(**answer)) continue;
    told[node].emplace();
    for (proto::Ring& ring : *rings.mutable_rings()) {
      if (ring.members().empty()) continue;
      told[node]->insert(ring.ring_id());
      proto::Ring& known = known_[ring.ring_id()];
      if (ring.last_ms() >= known.last_ms()) known = std::move(ring);
    }
  }
}

}  // namespace varve::cluster
