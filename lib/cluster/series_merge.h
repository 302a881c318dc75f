// The two ways to put nodes' series streams together. For reader.cc.
#ifndef VARVE_LIB_CLUSTER_SERIES_MERGE_H_
#define VARVE_LIB_CLUSTER_SERIES_MERGE_H_

#include <memory>
#include <string>
#include <vector>

#include "lib/cluster/read_judge.h"
#include "lib/cluster/reader.h"
#include "net/rpc/rpc.h"

namespace varve::cluster {

struct MergeContext {
  const NodeSet* nodes = nullptr;
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

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_SERIES_MERGE_H_
