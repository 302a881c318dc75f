// Keeps the writer's view: watches connections, learns node ids, hands rings
// to the storage nodes (lib/cluster/ring_handover.h).
//
// A node is up while it is fit (lib/cluster/node_health.h) and has told its
// id. One that is down has its copies kept as hints for hint_age_max_ms, and
// stored by other nodes as ordinary rows after that.
//
// Slow: a change of connections is followed by calls to the nodes (GETRINGS,
// PUTRING), 2 s at most each, made by the thread that
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
#include "lib/cluster/ring_handover.h"
#include "lib/cluster/writer_nodes.h"
#include "lib/cluster/writer_view.h"

namespace varve::cluster {

struct ViewKeeperOptions {
  uint32_t replication_factor = 1;
  uint32_t copies_min = 1;
  int64_t start_grace_ms = 5'000;
  int64_t hint_age_max_ms = 0;  // 0: no hints
  // Whether other nodes take ordinary rows of one that is not connected, and
  // of one that is but fails its calls.
  bool reroute_unavailable = true;
  bool reroute_slow = true;
  const base::Clock* clock = nullptr;
};

class ViewKeeper {
 public:
  // All outlive it.
  ViewKeeper(const NodeSet* nodes, WriterNodes* per_node,
             const ViewKeeperOptions& options);

  std::shared_ptr<const WriteView> Current();

  // A call to `node` failed or took too long.
  void Suspend(const Node& node);
  // It answered that it stores no hints, or none of these.
  void RefuseHints(const Node& node);
  // A node does not know references given out under `generation`.
  void Redefine(uint32_t generation);
  // A holder has begun another log of hints since `liveness`.
  void RedefineHints(uint32_t liveness);

 private:
  struct SeenNode {
    uint64_t connection = 0;  // epoch + 1; 0 when not up
    bool hinted = false;      // not up, and not for too long
    bool rerouted = false;    // not up, and others may take its rows
    bool refuses_hints = false;
    friend bool operator==(const SeenNode&, const SeenNode&) = default;
  };
  // What a view depends on; compared at every call.
  struct Seen {
    std::shared_ptr<const NodeList> nodes;
    std::vector<SeenNode> node;
    bool grace_over = false;
    bool redefine = false;
    bool redefine_hints = false;
    int64_t put_period = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
  };

  Seen Look() const;
  SeenNode LookAt(const Node& node, int64_t now_ms) const;
  bool GraceOver() const;
  std::shared_ptr<const WriteView> Build(Seen& seen, const WriteView* before);
  void LearnFromGreetings(const Seen& seen, WriteView& view);
  void LearnFromRings(const WriteView& view);
  // Tells which addresses lead to one node.
  void Join(WriteView& view) const;
  void MakeRing(WriteView& view, const WriteView* before);
  // Which copies go into hints, or to other nodes.
  void PlanDetours(const Seen& seen, WriteView& view) const;
  void NumberView(const Seen& seen, WriteView& view, const WriteView* before);

  const NodeSet* const nodes_;
  WriterNodes* const per_node_;
  const ViewKeeperOptions options_;
  // When the nodes became known that ids are waited for.
  std::atomic<int64_t> grace_start_ms_;
  std::atomic<bool> redefine_{false};
  std::atomic<bool> redefine_hints_{false};

  base::Mutex mutex_;
  base::CondVar built_;
  bool building_ GUARDED_BY(mutex_) = false;
  std::optional<Seen> seen_ GUARDED_BY(mutex_);
  std::shared_ptr<const WriteView> view_ GUARDED_BY(mutex_);

  // Of the building thread.
  bool ring_put_ = false;
  std::weak_ptr<const NodeList> awaited_;  // the grace is of these
  RingHandover handover_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_VIEW_KEEPER_H_
