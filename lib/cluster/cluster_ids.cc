#include "lib/cluster/cluster_ids.h"

#include <memory>
#include <string>
#include <utility>

#include "lib/placement/ring.h"
#include "lib/wire/methods.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {
namespace {

constexpr int64_t kCallMs = 500;
constexpr int64_t kPeriodMs = 10'000;

}  // namespace

std::vector<uint64_t> ClusterIds::Get() {
  const std::shared_ptr<const NodeList> nodes = nodes_->list();
  std::vector<uint64_t> connections;
  for (size_t i = 0; i < nodes->size(); ++i) {
    rpc::Channel& channel = nodes->channel(i);
    connections.push_back(
        channel.connected() ? channel.connection_epoch() + 1 : 0);
  }
  const int64_t now_ms = clock_->SteadyMs();
  base::MutexLock lock(mutex_);
  if (connections != connections_ || asked_ms_ < now_ms - kPeriodMs) {
    connections_ = std::move(connections);
    asked_ms_ = now_ms;
    lock.Unlock();
    Ask(*nodes);
    lock.Lock();
  }
  return {ids_.begin(), ids_.end()};
}

void ClusterIds::Ask(const NodeList& nodes) {
  const int64_t deadline_ms = base::SystemClock().SteadyMs() + kCallMs;
  std::vector<std::unique_ptr<rpc::Call>> calls;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!nodes.connected(i)) continue;
    calls.push_back(nodes.channel(i).Start(wire::kGetRings, ""));
  }
  for (const std::unique_ptr<rpc::Call>& call : calls) {
    const auto answer = call->Next(deadline_ms);
    proto::RingList rings;
    if (!answer.ok() || !answer->has_value() ||
        !rings.ParseFromString(**answer)) {
      continue;  // another node has them, or this one next time
    }
    for (const proto::Ring& ring : rings.rings()) {
      if (ring.members().empty()) continue;
      std::vector<placement::Member> members;
      for (const proto::Ring::Member& one : ring.members()) {
        members.push_back({.node_id = one.node_id()});
      }
      base::MutexLock lock(mutex_);
      ids_.insert(placement::ClusterId(members));
    }
  }
}

}  // namespace varve::cluster
