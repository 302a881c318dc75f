// What select nodes of a level above call on -clusternativeListenAddr: SEARCH,
// LABELS, CARDINALITY, METADATA, NAMEUSAGE, TENANTS, DELETE and PING, answered
// as a storage node answers them, for all storage nodes below.
//
// Every answer to a read ends with a Coverage that says whether it is partial
// and why; it has no node id and no history: nothing of it is kept above. It
// has whose copies MISSED records say are missing, and by which ids those of
// insert nodes of the level above know this cluster. Each series comes once,
// its copies merged by this node's rules.
//
// Limits: calls wait for the same places as queries do; the series limit and
//         the deadline are those of the caller.
// Errors:  InvalidArgument for a bad message or matcher, ResourceExhausted
//          for a limit, Unavailable without a place or a storage node,
//          Unimplemented for what needs a storage node.
// Threads: all members from any thread.
#ifndef VARVE_LIB_QUERY_UPPER_LEVEL_SERVICE_H_
#define VARVE_LIB_QUERY_UPPER_LEVEL_SERVICE_H_

#include <string>

#include "lib/cluster/cluster_ids.h"
#include "lib/query/concurrency_gate.h"
#include "lib/query/storage_reader.h"
#include "net/rpc/rpc.h"
#include "proto/varve_rpc.pb.h"

namespace varve::query {

class UpperLevelService final : public rpc::Service {
 public:
  // All outlive it.
  UpperLevelService(StorageReader* reader, ConcurrencyGate* gate,
                    cluster::ClusterIds* cluster_ids)
      : reader_(reader), gate_(gate), cluster_ids_(cluster_ids) {}

  std::string Hello() override;
  absl::Status Accept(std::string_view client_hello) override;
  absl::Status Handle(rpc::ServerCall& call) override;

 private:
  // Slow, now and then: see ClusterIds.
  proto::Coverage Told(const cluster::ReadOutcome& outcome);
  absl::Status Search(rpc::ServerCall& call);
  absl::Status Labels(rpc::ServerCall& call);
  absl::Status Cardinality(rpc::ServerCall& call);
  absl::Status Metadata(rpc::ServerCall& call);
  absl::Status NameUsage(rpc::ServerCall& call);
  absl::Status Tenants(rpc::ServerCall& call);
  absl::Status Delete(rpc::ServerCall& call);

  StorageReader* const reader_;
  ConcurrencyGate* const gate_;
  cluster::ClusterIds* const cluster_ids_;
};

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_UPPER_LEVEL_SERVICE_H_
