// Which storage node reads which slots, so that every copy is read once.
//
// A node may answer alone for a slot when it has all its rows of the time range
// that any node has. That is so when no node knows of a copy that it lacks, and
//  - it owns the slot by every ring that any node knows of, or
//  - it owns it by the newest ring and is whole by it: since rows came to any
//    node by another ring it has compared itself with all others (Coverage's
//    whole_at_ms, other_rows_ms). Of samples only, and only where the nodes are
//    exactly the members of a ring that is the newest one to each of them.
// Slots nobody may answer for are disputed: all nodes read them and the copies
// are merged. There is no plan, and all nodes read everything, when any of the
// nodes is not connected, is in a group, is no storage node of this release or
// differs in its dedup rule. A ring's member that is none of the nodes, one
// that left, answers for nothing.
//
// A plan holds as long as the nodes' coverage versions do, which is why they
// are in it: a node refuses a request made with an old one (Aborted), and the
// reader calls Forget and asks all nodes. Of a node that fails otherwise the
// others that might have answered alone read its share (planned_shares.h).
//
// Slow: what nodes say is kept; PlanFor calls them (COVERAGE, GETRINGS, 2 s at
// most) only after Forget and new connections, and every 10 s while slots are
// disputed: nobody refuses a plan that might be better by now.
//
// Threads: all members from any thread.
#ifndef VARVE_LIB_CLUSTER_READ_PLANNER_H_
#define VARVE_LIB_CLUSTER_READ_PLANNER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
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
  // By node: all slots that it may read alone. Empty when a node is of a
  // release whose answer, cut off, may lack samples of the series that came.
  std::vector<model::SlotSet> able;
  std::vector<uint64_t> coverage_versions;
  model::SlotSet disputed;
  model::DedupRule dedup;  // of every node

  // By node, evenly: which slots of `share` each reads alone when those that
  // `failed` (by node) do not. Nothing where a slot has nobody else, and where
  // slots are disputed: what failed nodes have of these is not made up for.
  std::optional<std::vector<model::SlotSet>> Substitutes(
      const model::SlotSet& share, const std::vector<bool>& failed) const;
};

class ReadPlanner {
 public:
  explicit ReadPlanner(const base::Clock* clock = &base::SystemClock())
      : clock_(*clock) {}

  // What is read: nodes do not compare exemplars or bare labels.
  enum class Rows { kSamples, kOthers };

  // Null: there is no plan of `nodes` for this range now.
  std::shared_ptr<const ReadPlan> PlanFor(
      const std::shared_ptr<const NodeList>& nodes,
      const model::TimeRange& range, Rows rows = Rows::kSamples);
  // A node has said something that the plans do not know.
  void Forget();

 private:
  // Bits are nodes.
  using NodeBits = uint64_t;
  static constexpr size_t kNodesMax = 64;

  struct Told {
    uint64_t connection_epoch = 0;
    uint64_t features = 0;
    proto::Coverage coverage;  // of all time
    proto::RingList rings;
  };

  // False: nothing can be planned.
  bool Know() REQUIRES_LOCK(mutex_);
  void LearnAll() REQUIRES_LOCK(mutex_);
  bool Learn() REQUIRES_LOCK(mutex_);
  bool AreAlike() const REQUIRES_LOCK(mutex_);
  bool FindOwners() REQUIRES_LOCK(mutex_);
  // By slot; empty for a ring whose members are not known.
  std::vector<NodeBits> OwnersBy(const proto::Ring& ring) const
      REQUIRES_LOCK(mutex_);
  // That the nodes are the members of; 0: none that is.
  uint64_t CommonNewestRing() const REQUIRES_LOCK(mutex_);
  NodeBits BitOf(uint64_t node_id) const REQUIRES_LOCK(mutex_);
  // Who lacks rows of the range.
  NodeBits LackingIn(const model::TimeRange& range) const
      REQUIRES_LOCK(mutex_);
  // Who has all of it that any has of what it owns by the newest ring.
  NodeBits WholeIn(const model::TimeRange& range) const REQUIRES_LOCK(mutex_);
  std::shared_ptr<const ReadPlan> Plan(const model::TimeRange& range,
                                       Rows rows) REQUIRES_LOCK(mutex_);
  std::shared_ptr<const ReadPlan> MakePlan(NodeBits lacking,
                                           NodeBits whole) const
      REQUIRES_LOCK(mutex_);

  const base::Clock& clock_;
  base::Mutex mutex_;
  std::shared_ptr<const NodeList> nodes_ GUARDED_BY(mutex_);  // of told_
  std::vector<Told> told_ GUARDED_BY(mutex_);  // by node; empty: nothing
  bool plannable_ GUARDED_BY(mutex_) = false;
  int64_t learned_ms_ GUARDED_BY(mutex_) = INT64_MIN;
  // By slot: who owns it by every ring, and who by the newest one, if the nodes
  // are its members.
  std::vector<NodeBits> owners_ GUARDED_BY(mutex_);
  std::vector<NodeBits> newest_owners_ GUARDED_BY(mutex_);
  // By who lacks copies and who is whole by the newest ring.
  std::map<std::pair<NodeBits, NodeBits>, std::shared_ptr<const ReadPlan>>
      plans_ GUARDED_BY(mutex_);
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_READ_PLANNER_H_
