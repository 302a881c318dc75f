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
constexpr int64_t kRetryMs = 1'000;

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
  while (asking_ && ids_.empty()) asked_.Wait(lock);
  if (!asking_ && (connections != connections_ || now_ms >= due_ms_)) {
    asking_ = true;
    connections_ = std::move(connections);
    lock.Unlock();
    const bool all_answered = Ask(*nodes);
    lock.Lock();
    due_ms_ = now_ms + (all_answered ? kPeriodMs : kRetryMs);
    asking_ = false;
    asked_.NotifyAll();
  }
  return {ids_.begin(), ids_.end()};
}

bool ClusterIds::Ask(const NodeList& nodes) {
  const int64_t deadline_ms = base::SystemClock().SteadyMs() + kCallMs;
  std::vector<std::unique_ptr<rpc::Call>> calls;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!nodes.connected(i)) continue;
    calls.push_back(nodes.channel(i).Start(wire::kGetRings, ""));
  }
  bool all_answered = true;
  for (const std::unique_ptr<rpc::Call>& call : calls) {
    const auto answer = call->Next(deadline_ms);
    proto::RingList rings;
    if (!answer.ok() || !answer->has_value() ||
        !rings.ParseFromString(**answer)) {
      all_answered = false;
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
  return all_answered;
}

}  // namespace varve::cluster
