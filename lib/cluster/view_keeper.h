// Keeps the writer's view: watches connections, learns node ids, hands rings
// to the storage nodes.
//
// A node is up while it is connected and not suspended; a failed call
// suspends it for a time that doubles from 1 s to 30 s until one succeeds, so
// that a stalled node costs a write its patience rarely.
//
// Slow: a change of connections is followed by calls to the nodes (GETRINGS
// while an id is unknown, PUTRING), 2 s at most each, made by the thread that
// sees it; others wait for it.
//
// Threads: all members from any thread.
#ifndef VARVE_LIB_CLUSTER_VIEW_KEEPER_H_
#define VARVE_LIB_CLUSTER_VIEW_KEEPER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/cluster/node_set.h"
#include "lib/cluster/writer_view.h"

namespace varve::cluster {

struct ViewKeeperOptions {
  uint32_t replication_factor = 1;
  uint32_t copies_min = 1;
  int64_t start_grace_ms = 5'000;
  const base::Clock* clock = nullptr;
};

class ViewKeeper {
 public:
  ViewKeeper(NodeSet* nodes, const ViewKeeperOptions& options);

  std::shared_ptr<const WriteView> Current();

  // A call to `node` failed or took too long.
  void Suspend(size_t node);
  void Succeeded(size_t node);
  // A node does not know references given out under `generation`.
  void Redefine(uint32_t generation);

 private:
  struct NodeState {
    std::atomic<int64_t> suspended_until_ms{0};
    // A new connection is a new chance.
    std::atomic<uint64_t> suspended_epoch{0};
    std::atomic<int64_t> backoff_ms{0};
  };
  // What a view depends on; compared at every call.
  struct Seen {
    std::vector<uint64_t> connections;  // epoch; 0 when not up
    bool grace_over = false;
    bool redefine = false;
    int64_t put_period = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  // Known of a node, also while it is down. Touched by the building thread.
  struct Known {
    uint64_t id = 0;
    std::string zone;
    uint64_t ref_epoch = 0;
  };

  Seen Look() const;
  std::shared_ptr<const WriteView> Build(const Seen& seen,
                                         const WriteView* before);
  void LearnFromGreetings(WriteView& view);
  void LearnFromRings(const WriteView& view);
  void MakeRing(WriteView& view, const WriteView* before);
  void NumberView(const Seen& seen, WriteView& view, const WriteView* before);
  // To the live nodes that have not got it over their present connection.
  void PutRing(const Seen& seen, const WriteView& view);

  NodeSet* const nodes_;
  const ViewKeeperOptions options_;
  const int64_t start_ms_;
  std::vector<NodeState> states_;
  std::atomic<bool> redefine_{false};

  base::Mutex mutex_;
  base::CondVar built_;
  bool building_ GUARDED_BY(mutex_) = false;
  std::optional<Seen> seen_ GUARDED_BY(mutex_);
  std::shared_ptr<const WriteView> view_ GUARDED_BY(mutex_);

  // Of the building thread.
  std::vector<Known> known_;
  // The connection over which a node got the ring. It stays while the node is
  // suspended: all writes wait for PUTRING, which may be slow again then.
  std::vector<uint64_t> announced_;
  int64_t announced_ms_ = 0;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_VIEW_KEEPER_H_
