// Counts of distinct series over all nodes, each series once however its copies
// lie. A single node counts alone. Of several each tells a digest of every slot
// first: where all that have series of a slot agree, one of them counts it;
// series of the other slots are fetched and merged. So are all where one of
// several nodes is a select node of a level below, which has no digests.
//
// Threads: belongs to one. For reader.cc.
#ifndef VARVE_LIB_CLUSTER_CARDINALITY_READ_H_
#define VARVE_LIB_CLUSTER_CARDINALITY_READ_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "lib/cluster/node_set.h"
#include "lib/cluster/reader.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {

class CardinalityMerge;

class CardinalityRead {
 public:
  // Searches all nodes for the series of the slots.
  using SearchSlots =
      std::function<absl::StatusOr<std::unique_ptr<SeriesMerge>>(
          const ReadRequest& request, const std::string& slots)>;

  // `options` outlive the read.
  CardinalityRead(std::shared_ptr<const NodeList> nodes,
                  const ReaderOptions& options, SearchSlots search)
      : nodes_(std::move(nodes)),
        options_(options),
        search_(std::move(search)) {}

  // `top_n` 0: nothing but the total, which costs less.
  absl::StatusOr<proto::CardinalityResponse> Count(
      const ReadRequest& request, const std::string& focus_label,
      int64_t top_n, ReadOutcome& outcome) const;

 private:
  // Which node counts which slots; of the disputed ones nodes differ.
  struct CountPlan;

  absl::StatusOr<proto::CardinalityResponse> CountAlone(
      const ReadRequest& request, const std::string& focus_label,
      int64_t top_n, ReadOutcome& outcome) const;
  absl::StatusOr<proto::CardinalityResponse> CountMerged(
      const ReadRequest& request, const std::string& focus_label,
      int64_t top_n, ReadOutcome& outcome) const;
  bool AnySelect() const;
  absl::Status PlanCount(const ReadRequest& request, CountPlan& plan) const;
  // Series of `slots`; "": of all.
  absl::Status MergeSeries(const ReadRequest& request, const std::string& slots,
                           const std::string& focus_label,
                           CardinalityMerge& merge, ReadOutcome& outcome) const;
  absl::Status CountAgreed(const ReadRequest& request, const CountPlan& plan,
                           const std::string& focus_label,
                           CardinalityMerge& merge) const;

  const std::shared_ptr<const NodeList> nodes_;
  const ReaderOptions& options_;
  const SearchSlots search_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_CARDINALITY_READ_H_
