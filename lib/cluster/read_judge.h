// Says whether what some of the nodes answered is complete, partial or an
// error: the rules at the top of lib/cluster/reader.h.
//
// Threads: belongs to one.
#ifndef VARVE_LIB_CLUSTER_READ_JUDGE_H_
#define VARVE_LIB_CLUSTER_READ_JUDGE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lib/cluster/reader.h"

namespace varve::cluster {

// True when the storage node judged the request itself: the same on every
// node, so that no replica helps.
bool IsRequestsFault(const absl::Status& status);

class ReadJudge {
 public:
  ReadJudge(std::shared_ptr<const NodeList> nodes,
            const ReaderOptions* options);

  void Failed(size_t node, const absl::Status& status);
  void Answered(size_t node, const proto::Coverage& coverage);

  // REQUIRES: each node failed, answered, or had all that it did not answer for
  // read from others (planned_shares.h). An error when no node answered,
  // or when the answer is partial and may not be.
  absl::StatusOr<ReadOutcome> Outcome(bool deny_partial) const;

  // options.dedup together with what the nodes said.
  model::DedupRule dedup() const { return dedup_; }

  bool answered(size_t node) const { return answered_[node]; }
  const NodeList& nodes() const { return *nodes_; }
  const ReaderOptions& options() const { return *options_; }

  // `history` as a node told it, with what this role does to the samples.
  NodeHistory HistoryOf(const proto::Coverage& coverage,
                        const proto::History& history) const;

 private:
  struct Failures {
    std::map<std::string, int> by_group;
    bool any = false;      // of nodes themselves
    bool all_late = true;  // each for lack of time
  };
  Failures CountFailures(std::vector<std::string>& warnings) const;
  // Did not answer, but the node it was did, at another address.
  bool IsElsewhere(size_t node) const;
  // Answered, but it, or another node that answered, knows of rows that it
  // lacks, or may lack, for it has not told who it is.
  bool Lacks(size_t node) const;
  // The groups with rows of a ring short of members, of which no node that
  // tells so is whole.
  std::set<std::string> GroupsOfShortRings() const;
  // How many members of the group's newest ring are none of the nodes: others
  // have come to their addresses.
  int MembersGone(const std::string& group) const;

  const std::shared_ptr<const NodeList> nodes_;
  const ReaderOptions* const options_;
  std::vector<bool> answered_;
  std::vector<absl::Status> failures_;  // by node; OK: complete
  std::vector<uint64_t> node_ids_;      // of the nodes that answered; else 0
  // Of those that answer for a cluster: its ids.
  std::vector<std::vector<uint64_t>> cluster_ids_;
  // By node: without whose answers it may lack rows.
  std::vector<std::vector<uint64_t>> lacks_without_;
  struct NewestRing {
    int64_t last_ms = 0;
    std::vector<uint64_t> members;
  };
  std::map<std::string, NewestRing> newest_rings_;  // by group
  std::vector<NodeHistory> histories_;  // by node, where it told one
  std::set<uint64_t> lacking_;          // node ids of MISSED records
  // Of records without an owner: by node those of its own level, and of all
  // nodes those of levels above.
  std::vector<std::set<uint64_t>> short_rings_;
  std::set<ReadOutcome::ShortRing> short_rings_above_;
  model::DedupRule dedup_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_READ_JUDGE_H_
