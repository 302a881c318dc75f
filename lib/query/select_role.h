// The select role: what answers queries over a set of storage nodes, as one
// object that a process of its own or a process with all roles can hold.
//
//   query::SelectFlags select_flags(flags, SelectDeployment::kCluster);
//   flags.ParseOrExit(argc, argv);
//   cluster::NodeSet nodes(...);
//   auto role = query::SelectRole::Make(select_flags, &nodes, &metrics,
//                                       &transport, server_flags.access());
//   routes.append((*role)->Routes(/*from_root=*/false));
//
// Lifetime: flags, nodes, metrics and transport outlive it; it outlives the
//           server.
#ifndef VARVE_LIB_QUERY_SELECT_ROLE_H_
#define VARVE_LIB_QUERY_SELECT_ROLE_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/memory_pool.h"
#include "lib/base/thread_pool.h"
#include "lib/cluster/cluster_ids.h"
#include "lib/cluster/node_set.h"
#include "lib/cluster/reader.h"
#include "lib/query/select_api.h"
#include "lib/query/select_flags.h"
#include "lib/query/storage_reader.h"
#include "lib/query/upper_level_service.h"

namespace varve::query {

class SelectRole {
 public:
  // InvalidArgument for a flag's value. `peers`: how the nodes of -selectNode
  // are reached.
  static absl::StatusOr<std::unique_ptr<SelectRole>> Make(
      const SelectFlags& flags, cluster::NodeSet* nodes,
      telemetry::Metrics* metrics, net::Transport* transport,
      http::ServerAccess peers);

  // Before the server stops: what waits for other processes ends.
  void Drain() { api_.Drain(); }
  // After the server: what the next run may use is saved.
  void Close() { api_.SaveKeptAnswers(); }

  // Answers select nodes of a level above.
  rpc::Service& upper_level_service() { return upper_level_; }

  // `from_root`: also under /api/v1 and /prometheus, without /select.
  std::vector<http::Route> Routes(bool from_root);

 private:
  SelectRole(SelectOptions options, cluster::ReaderOptions reader_options,
             const SelectFlags& flags, cluster::NodeSet* nodes,
             telemetry::Metrics* metrics);

  base::MemoryPool memory_;  // of all queries
  cluster::Reader reader_;
  cluster::ClusterIds cluster_ids_;
  cluster::Deleter deleter_;
  ClusterStorageReader storage_;
  base::ThreadPool pool_;
  SelectApi api_;
  UpperLevelService upper_level_;
};

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_SELECT_ROLE_H_
