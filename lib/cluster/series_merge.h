// The ways to put nodes' series streams together. For reader.cc.
#ifndef VARVE_LIB_CLUSTER_SERIES_MERGE_H_
#define VARVE_LIB_CLUSTER_SERIES_MERGE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/cluster/planned_shares.h"
#include "lib/cluster/read_judge.h"
#include "lib/cluster/read_planner.h"
#include "lib/cluster/reader.h"
#include "lib/cluster/series_table.h"
#include "net/rpc/rpc.h"

namespace varve::cluster {

struct MergeContext {
  std::shared_ptr<const NodeList> nodes;
  const ReaderOptions* options = nullptr;
  base::ThreadPool* pool = nullptr;
  ReadRequest request;
  int64_t now_ms = 0;
  std::vector<std::unique_ptr<rpc::Call>> calls;  // by node
};

// REQUIRES: one node. Its series go through as they come.
std::unique_ptr<SeriesMerge> MakeSingleNodeMerge(MergeContext context);

// Holds all series until all nodes have ended.
std::unique_ptr<SeriesMerge> MakeHashMerge(MergeContext context);

// Reads the plan's shares; without calls of its own in the context. `start`
// asks a node for slots and for the disputed ones. `read_all` starts the read of
// all copies, for when nodes cannot answer as planned.
using StartAgain =
    std::function<absl::StatusOr<std::unique_ptr<SeriesMerge>>()>;
std::unique_ptr<SeriesMerge> MakePlannedMerge(
    MergeContext context, std::shared_ptr<const ReadPlan> plan,
    ReadPlanner* planner, StartShare start, StartAgain read_all);

// A series as it is given out: in order, deduplicated, downsampled.
absl::Status FinishSeries(const MergeContext& context, const model::DedupRule& rule,
                    HeldSeries& held, MergedSeries& to);

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_SERIES_MERGE_H_
