// Sums up the nodes' cardinality answers to counts of distinct series.
//
// A node counts its own copies; sums are divided by the mean number of copies
// among the nodes that answered: exact when placement is even or all answered,
// close otherwise. Distinct values of a label are the largest node's count.
//
// Threads: belongs to one.
#ifndef VARVE_LIB_CLUSTER_CARDINALITY_MERGE_H_
#define VARVE_LIB_CLUSTER_CARDINALITY_MERGE_H_

#include <cstdint>
#include <map>
#include <string>

#include "proto/varve_rpc.pb.h"

namespace varve::cluster {

class CardinalityMerge {
 public:
  // `copies` above 0.
  void Add(const proto::CardinalityResponse& node, double copies);
  // Lists are by count, then name; at most `top_n` entries each.
  proto::CardinalityResponse Finish(int64_t top_n) const;

 private:
  using Counts = std::map<std::string, double>;

  double total_series_ = 0;
  double total_pairs_ = 0;
  Counts by_metric_name_;
  Counts by_label_name_;
  Counts by_focus_value_;
  Counts by_pair_;
  Counts values_by_label_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_CARDINALITY_MERGE_H_
