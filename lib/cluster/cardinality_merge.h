// Adds up the counts of nodes that each counted series of their own: what one
// node counted no other did.
//
// Distinct values of a label are the union of what the nodes hashed; of a
// label with too many values to send, at least the largest node's count.
//
// Threads: belongs to one.
#ifndef VARVE_LIB_CLUSTER_CARDINALITY_MERGE_H_
#define VARVE_LIB_CLUSTER_CARDINALITY_MERGE_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "lib/model/label.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {

class CardinalityMerge {
 public:
  void Add(const proto::CardinalityResponse& node);
  void Add(const model::LabelSet& series, const std::string& focus_label);
  // Lists are by count, then name; at most `top_n` entries each.
  proto::CardinalityResponse Finish(int64_t top_n) const;

 private:
  using Counts = absl::flat_hash_map<std::string, int64_t>;

  int64_t total_series_ = 0;
  int64_t total_pairs_ = 0;
  Counts by_metric_name_;
  Counts by_label_name_;
  Counts by_focus_value_;
  Counts by_pair_;
  Counts values_by_label_;  // of the node that counted most
  absl::flat_hash_map<std::string, absl::flat_hash_set<uint64_t>> values_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_CARDINALITY_MERGE_H_
