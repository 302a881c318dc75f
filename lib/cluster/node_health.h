// Whether a storage node is fit to be written to.
//
// A failed call suspends a node over its present connection: for a second at
// first, twice as long each time again, up to 30 s. It is fit again when that
// time is over and it has answered a PING sent meanwhile, so that a node that
// hangs costs the writes of one moment their patience and not those of each
// period.
//
// Threads: all members from any thread; none waits for the node.
#ifndef VARVE_LIB_CLUSTER_NODE_HEALTH_H_
#define VARVE_LIB_CLUSTER_NODE_HEALTH_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "lib/base/mutex.h"
#include "net/rpc/rpc.h"

namespace varve::cluster {

class NodeHealth {
 public:
  // A call over the channel's present connection failed or took too long.
  void Suspend(const rpc::Channel& channel, int64_t now_ms);
  // A write to it succeeded.
  void Succeeded() {
    if (troubled_.load(std::memory_order_relaxed)) EndTrouble();
  }
  // Somebody else has reached it: the next PING decides.
  void Reconsider();
  // Connected and not suspended.
  bool Fit(rpc::Channel& channel, int64_t now_ms);
  // How long it has not been fit; 0 when it is. A connection that fails every
  // call does not end that time.
  int64_t DownForMs(int64_t now_ms) const;

  // It stores no hints for now.
  void RefuseHints(int64_t until_ms) { hints_refused_until_ms_ = until_ms; }
  bool RefusesHints(int64_t now_ms) const {
    return now_ms < hints_refused_until_ms_.load(std::memory_order_relaxed);
  }

  // Whom the address reached last; 0: nobody yet.
  std::atomic<uint64_t> node_id{0};

 private:
  void EndTrouble();
  // Whether the suspension over `connection` is over.
  bool Recovered(rpc::Channel& channel, int64_t now_ms) REQUIRES_LOCK(mutex_);
  void LengthenSuspension(int64_t now_ms) REQUIRES_LOCK(mutex_);

  std::atomic<int64_t> hints_refused_until_ms_{0};
  // False: nothing below says anything.
  std::atomic<bool> troubled_{false};
  mutable base::Mutex mutex_;
  // Connections by number, epoch + 1; 0 is none.
  uint64_t suspended_ GUARDED_BY(mutex_) = 0;
  int64_t suspended_until_ms_ GUARDED_BY(mutex_) = 0;
  int64_t backoff_ms_ GUARDED_BY(mutex_) = 0;
  std::unique_ptr<rpc::Call> probe_ GUARDED_BY(mutex_);
  bool down_ GUARDED_BY(mutex_) = false;
  int64_t down_since_ms_ GUARDED_BY(mutex_) = 0;
  // The last connection over which it was not fit.
  uint64_t down_connection_ GUARDED_BY(mutex_) = 0;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_NODE_HEALTH_H_
