// What the writer knows and counts of each storage node.
//
// Kept by address for as long as the process runs: a node that left the list
// and comes back goes on counting. What is known of it (its id, its zone) is
// forgotten when it leaves: another node may have the address next.
//
// Threads: a WriterNode's counters from any thread; the rest belongs to one.
#ifndef VARVE_LIB_CLUSTER_WRITER_NODES_H_
#define VARVE_LIB_CLUSTER_WRITER_NODES_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/cluster/node_set.h"
#include "lib/telemetry/metrics.h"

namespace varve::cluster {

struct WriterNode {
  std::atomic<int64_t> in_flight_bytes{0};
  telemetry::Counter* rows_pushed = nullptr;
  telemetry::Counter* rows_sent = nullptr;
  telemetry::Counter* hint_rows_sent = nullptr;  // of this owner, to holders
  telemetry::Counter* rows_rerouted_from = nullptr;
  telemetry::Counter* rows_rerouted_to = nullptr;
  telemetry::Counter* connection_errors = nullptr;
  telemetry::Gauge* rows_pending = nullptr;
  telemetry::Gauge* bytes_pending = nullptr;
  telemetry::Gauge* send_seconds = nullptr;

  // Of the thread that builds a view; known also while the node is down.
  std::shared_ptr<const Node> node;  // in the list of the moment; else null
  uint64_t node_id = 0;
  // An insert node of a level below, and the storage nodes it writes to.
  bool level_below = false;
  std::vector<uint64_t> member_ids;
  std::string zone;
  uint32_t weight = 1;
  uint64_t ref_epoch = 0;
  uint64_t features = 0;
  // The connection over which it got the ring. It stays while the node is
  // suspended: all writes wait for PUTRING, which may be slow again then.
  uint64_t ring_connection = 0;
};

class WriterNodes {
 public:
  // `metrics` outlive it.
  explicit WriterNodes(telemetry::Metrics* metrics) : metrics_(metrics) {}
  ~WriterNodes();

  // In the order of `list`; they live as long as this. REQUIRES: one thread at
  // a time.
  std::vector<WriterNode*> Of(const NodeList& list);

 private:
  void Register(const std::string& address, WriterNode& node);

  telemetry::Metrics* const metrics_;
  std::map<std::string, std::unique_ptr<WriterNode>> by_address_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_WRITER_NODES_H_
