// Connects to storage nodes and keeps connected.
//
// All are dialed at once, at once; logs
// `successfully dialed -storageNode="<addr>"` once per node. Addresses may not
// resolve yet at the start: that is retried, never fatal. InvalidArgument for
// what ParseNodeAddresses refuses.
//
// Slow: waits up to `first_wait` until all nodes are connected, so that a
// process that listens afterwards does not refuse its first requests.
//
// Threads: a free function without state.
#ifndef VARVE_LIB_CLUSTER_DIAL_NODES_H_
#define VARVE_LIB_CLUSTER_DIAL_NODES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/cluster/node_set.h"
#include "lib/telemetry/metrics.h"
#include "net/rpc/tcp_channel.h"

namespace varve::cluster {

struct DialNodesOptions {
  std::vector<std::string> nodes;  // as ParseNodeAddresses takes them
  int default_port = 0;
  std::string role;   // of HELLO: "insert" or "select"
  std::string token;  // "" for none
  net::DialOptions dial;
  // The name label of vm_tcpdialer_*: "vminsert" or "vmselect".
  std::string metrics_name;
  telemetry::Metrics* metrics = nullptr;  // null: not shown
  // A node that is up answers within milliseconds; one that is down must not
  // hold up the start.
  absl::Duration first_wait = absl::Seconds(1);
};

// `transport` and the metrics outlive the result.
absl::StatusOr<std::unique_ptr<NodeSet>> DialNodes(
    net::Transport* transport, const DialNodesOptions& options);

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_DIAL_NODES_H_
