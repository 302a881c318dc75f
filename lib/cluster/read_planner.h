// Which storage node reads which slots, so that every copy is read once.
//
// A node may answer alone for a slot when it owns the slot by every ring that
// any node knows of, and no node knows of a copy in the time range that it
// lacks. Slots nobody may answer for are disputed: all nodes read them and the
// copies are merged. There is no plan, and all nodes read everything, when any
// of the nodes is not connected, is in a group, is no storage node of this
// release or differs in its dedup rule. A ring's member that is none of the
// nodes, one that left, answers for nothing.
//
// A plan holds as long as the nodes' coverage versions do, which is why they
// are in it: a node refuses a request made with an old one (Aborted), and the
// reader calls Forget and asks all nodes.
//
// Slow: what nodes say is kept; PlanFor calls them (COVERAGE, GETRINGS, 2 s at
// most) only after Forget and new connections.
//
// Threads: all members from any thread.
#ifndef VARVE_LIB_CLUSTER_READ_PLANNER_H_
#define VARVE_LIB_CLUSTER_READ_PLANNER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/cluster/node_set.h"
#include "lib/model/sample.h"
#include "lib/model/slot_set.h"
#include "lib/model/time_range.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {

struct ReadPlan {
  // By node: the slots it alone reads.
  std::vector<model::SlotSet> slots;
  std::vector<uint64_t> coverage_versions;
  model::SlotSet disputed;
  model::DedupRule dedup;  // of every node
};

class ReadPlanner {
 public:
  explicit ReadPlanner(const base::Clock* clock = &base::SystemClock())
      : clock_(*clock) {}

  // Null: there is no plan of `nodes` for this range now.
  std::shared_ptr<const ReadPlan> PlanFor(
      const std::shared_ptr<const NodeList>& nodes,
      const model::TimeRange& range);
  // A node has said something that the plans do not know.
  void Forget();

 private:
  // Bits are nodes.
  using NodeBits = uint64_t;
  static constexpr size_t kNodesMax = 64;

  struct Told {
    uint64_t connection_epoch = 0;
    proto::Coverage coverage;  // of all time
    proto::RingList rings;
  };

  bool Learn() REQUIRES_LOCK(mutex_);
  bool FindOwners() REQUIRES_LOCK(mutex_);
  bool AddRing(const proto::Ring& ring) REQUIRES_LOCK(mutex_);
  NodeBits BitOf(uint64_t node_id) const REQUIRES_LOCK(mutex_);
  std::shared_ptr<const ReadPlan> MakePlan(NodeBits lacking) const
      REQUIRES_LOCK(mutex_);

  const base::Clock& clock_;
  base::Mutex mutex_;
  std::shared_ptr<const NodeList> nodes_ GUARDED_BY(mutex_);  // of told_
  std::vector<Told> told_ GUARDED_BY(mutex_);  // by node; empty: nothing
  bool plannable_ GUARDED_BY(mutex_) = false;
  int64_t learned_ms_ GUARDED_BY(mutex_) = INT64_MIN;
  // By slot: who owns it by every ring.
  std::vector<NodeBits> owners_ GUARDED_BY(mutex_);
  std::map<NodeBits, std::shared_ptr<const ReadPlan>> plans_
      GUARDED_BY(mutex_);  // by who lacks copies
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_READ_PLANNER_H_
