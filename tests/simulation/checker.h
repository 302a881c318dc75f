// What must hold of a simulated cluster, whatever happened to it.
//
// - Every acknowledged sample is in an answer, or the answer is partial; and
//   no answer is partial without a reason.
// - What was never written is in none, nothing is there twice.
// - A write is acknowledged with as many copies as its writer says, copies_min
//   at least, and a node that answers queries has it.
// - When all links are good, hints are replayed and repair has run, each sample
//   is on all owners by the newest ring, and MISSED records are gone.
//
// Of docs/durability.md's limits these are not failures:
// - A sample that had spare_disks + 1 disks with it lost may be lost, or only
//   be where nobody looks. A node that left the readers' list is one.
// - One of fewer copies than the replication factor (its write met nodes that
//   were down, or a node with a copy was wiped or left) may be missing
//   untold while no node that answers has it: who knows of it failed as well.
// - MISSED records without hints, and those whose holder or owner is lost, stay.
//
// Threads: belongs to one.
#ifndef VARVE_TESTS_SIMULATION_CHECKER_H_
#define VARVE_TESTS_SIMULATION_CHECKER_H_

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulation/cluster.h"

namespace varve::simulation {

// Where a sample is among the places of the readers' list.
struct Copies {
  std::set<size_t> rows;   // as its own
  // Holder and owner; that one is there, and lacks the sample.
  std::set<std::pair<size_t, size_t>> hints;

  // How many disks it takes to lose it; 0: it is lost.
  int Disks() const;
};

class Checker {
 public:
  explicit Checker(Cluster* cluster) : cluster_(*cluster) {}

  // The first failure; "": all is well.
  const std::string& failure() const { return failure_; }
  bool failed() const { return !failure_.empty(); }

  // `rows_incomplete`: whether the writer has counted some of them.
  void Acknowledged(const Batch& batch, bool rows_incomplete);
  // Around whatever takes disks away from readers.
  void BeforeLoss();
  void AfterLoss(int disks_lost);
  // `reliable`: no call is lost while it is read, so that who answers is known
  // from the links.
  void Read(const model::TimeRange& range, bool one_copy, bool reliable);
  // After the cluster had all it needs to be whole again.
  void Whole();
  void Refused(const std::string& why) { Fail(why); }

  int64_t excused() const { return excused_; }
  int64_t partial() const { return partial_; }
  int64_t reads() const { return reads_; }

 private:
  void Fail(const std::string& text) {
    if (failure_.empty()) failure_ = text;
  }
  Copies CopiesOf(int64_t number) const;
  std::string HoldersText(int64_t number) const;
  std::set<size_t> Answering() const;
  bool MayBeMissing(int64_t number, const std::set<size_t>& answering,
                    bool reliable) const;
  // Whether each node that answers has heard one of `holders` since, or says
  // that it has not.
  bool AllHeard(int64_t number, const std::set<size_t>& holders,
                const std::set<size_t>& answering) const;
  // Whether a partial answer has a reason.
  bool MayBePartial(const model::TimeRange& range,
                    const std::set<size_t>& answering) const;
  size_t MembersGone(const proto::Coverage::NewestRing& ring) const;
  void CheckOwners(int64_t number);
  // Whether the rings that the place was told name a node that has the sample,
  // and at its address nobody who came later. A ring that came only to a node
  // which left the lists after it, nobody else is told.
  bool KnowsOfCopy(const Place& place, int64_t number) const;
  void CheckMissed(size_t place);

  Cluster& cluster_;
  std::string failure_;
  std::vector<int> disks_before_;  // by number - 1
  int64_t excused_ = 0;
  int64_t partial_ = 0;
  int64_t reads_ = 0;
};

}  // namespace varve::simulation

#endif  // VARVE_TESTS_SIMULATION_CHECKER_H_
