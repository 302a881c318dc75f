// What insert nodes of a level above call on -clusternativeListenAddr: PING,
// DEFINE, DATA, MISSED, PUTRING, GETRINGS and TENANTNAMES, answered as a
// storage node answers them, for all storage nodes below.
//
// Greeting: the node id is placement::ClusterId of the ring below, the same
// from every insert node of the cluster and after every restart, whichever
// storage nodes are down; with it go the ring's members, by which insert nodes
// with other lists of them are known to be of one cluster
// (lib/cluster/joined_nodes.h). Until they are known nobody is greeted. The
// ref epoch is the process'. Features are those that all storage nodes have that
// were ever up, so that one that goes and comes back changes nothing. There are
// no hints.
//
// Rows go through the Inserter as those of any request do (relabeling, limits,
// the cluster's writer) and keep the time at which they were accepted above.
// The answer leaves when this cluster has acknowledged them, by its own
// -insert.ack and -insert.minCopies. What limits reject is counted here.
// Series of the level above are kept in memory (upper_level_series.h): a ref
// that is not there any more, or a tenant whose name is not, is asked for.
// MISSED records go to all storage nodes that are up, and by Look to those that
// come up later (lib/cluster/missed_sharer.h). Rings of the level above
// are kept in memory only: storage nodes plan reads by those they have.
//
// Errors:  InvalidArgument or DataLoss for a bad message; Unavailable without a
//          place or copies enough; ResourceExhausted for too many series.
//          Nothing was stored, or what a retry does not double.
// Threads: all members from any thread.
#ifndef VARVE_LIB_INGEST_UPPER_LEVEL_SERVICE_H_
#define VARVE_LIB_INGEST_UPPER_LEVEL_SERVICE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "lib/base/mutex.h"
#include "lib/cluster/missed_sharer.h"
#include "lib/cluster/writer.h"
#include "lib/ingest/insert_door.h"
#include "lib/ingest/insert_gate.h"
#include "lib/ingest/inserter.h"
#include "lib/ingest/upper_level_series.h"
#include "lib/telemetry/metrics.h"
#include "lib/wire/record_rows.h"
#include "net/rpc/rpc.h"
#include "proto/varve_rpc.pb.h"

namespace varve::ingest {

class UpperLevelService final : public rpc::Service {
 public:
  // All outlive it. `series_bytes_max` is for UpperLevelSeries.
  UpperLevelService(cluster::Writer* writer, Inserter* inserter,
                    InsertDoor* door, InsertGate* gate,
                    telemetry::Metrics* metrics, int64_t series_bytes_max);
  ~UpperLevelService() override;

  // Looks at the cluster below; true when it is another one than peers were
  // told, or has other features. By one thread. Slow: may call the storage nodes, 2 s each time at
  // most, and 10 s when one has connected.
  bool Look();
  // Whether Look has seen a cluster.
  bool known() const;

  std::string Hello() override;
  absl::Status Accept(std::string_view client_hello) override;
  absl::Status Handle(rpc::ServerCall& call) override;

 private:
  // What peers are told of the cluster below.
  struct Cluster {
    uint64_t id = 0;  // 0: nothing is known
    std::vector<uint64_t> member_ids;
    uint64_t features = 0;
    friend bool operator==(const Cluster&, const Cluster&) = default;
  };

  absl::StatusOr<std::string> Define(std::string_view payload);
  absl::StatusOr<std::string> Data(const rpc::ServerCall& call);
  // What Look tells peers of the cluster; true when that is another one.
  bool Note(const cluster::WriteView& view);
  absl::StatusOr<std::string> PutMissed(std::string_view payload);
  absl::StatusOr<std::string> PutRing(std::string_view payload);
  absl::StatusOr<std::string> GetRings() const;
  absl::StatusOr<std::string> PutTenantNames(std::string_view payload);

  // The tenant with its name; false when that is not known here.
  bool NameTenant(InsertTenant& tenant) const;
  // Fills `batch`, whose identities are in its arena, and takes the rows; false
  // when a ref is not known here.
  bool MakeBatch(wire::TenantRows& rows, protocol::SampleBatch& batch);
  absl::Status Store(const InsertTenant& tenant,
                     const protocol::SampleBatch& batch, int64_t& rows);

  cluster::Writer* const writer_;
  Inserter* const inserter_;
  InsertDoor* const door_;
  InsertGate* const gate_;
  telemetry::Metrics* const metrics_;
  const InsertFormat format_;
  const uint64_t ref_epoch_;
  UpperLevelSeries series_;
  cluster::MissedSharer sharer_;  // of who looks
  mutable base::Mutex mutex_;
  Cluster cluster_ GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, std::string> names_ GUARDED_BY(mutex_);
  std::map<uint64_t, proto::Ring> rings_ GUARDED_BY(mutex_);
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_UPPER_LEVEL_SERVICE_H_
