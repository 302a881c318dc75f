// Connects to the storage nodes of -storageNode and keeps connected; follows
// the list where it may change.
//
// All are dialed at once; what was found together is in the set when all of it is
// connected, or after `first_wait`. Logs `successfully dialed
// -storageNode="<addr>"` once per node. Addresses may not resolve yet at the
// start: that is retried, never fatal, as are a file or a DNS name that name no
// node yet.
//
// Sources that may change (lib/cluster/node_source.h) are asked every
// discovery_interval. One that cannot be asked, or names no node, keeps the
// nodes it named last: that is logged and counted in
// varve_storage_node_discovery_errors_total. What is found is logged.
//
// A node leaves when two looks at a file in a row did not find it, or when DNS
// has not told it for `dns_grace`: a node that restarts is out of DNS for a
// while, and to forget it would be to call answers complete that lack its data.
//
// Threads: all members from any thread.
#ifndef VARVE_LIB_CLUSTER_DIAL_NODES_H_
#define VARVE_LIB_CLUSTER_DIAL_NODES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/cluster/node_set.h"
#include "lib/telemetry/metrics.h"
#include "net/dns/resolver.h"
#include "net/rpc/tcp_channel.h"

namespace varve::cluster {

struct DialNodesOptions {
  std::vector<std::string> nodes;  // as ParseNodeSources takes them
  int default_port = 0;
  std::string role;   // of HELLO: "insert" or "select"
  std::string token;  // "" for none
  net::DialOptions dial;
  // The name label of vm_tcpdialer_*: "vminsert" or "vmselect".
  std::string metrics_name;
  telemetry::Metrics* metrics = nullptr;  // null: not shown
  // A node that is up answers within milliseconds; one that is down must not
  // hold up the start, or the others of a list.
  absl::Duration first_wait = absl::Seconds(1);
  absl::Duration discovery_interval = absl::Seconds(2);
  absl::Duration dns_grace = absl::Minutes(10);
  // RE2: of the addresses that are found those that it matches somewhere; ""
  // is all. Not asked of addresses that are given.
  std::string filter;
  dns::Resolver* resolver = &dns::SystemResolver();
};

class DialedNodes {
 public:
  virtual ~DialedNodes() = default;
  // Lives as long as this.
  virtual NodeSet* set() = 0;
};

// Slow: waits for the sources' first answers and first connections, so that a
// process that listens afterwards does not refuse its first requests.
// Errors: InvalidArgument for what ParseNodeSources refuses, and the filter.
// `transport` and the metrics outlive the result.
absl::StatusOr<std::unique_ptr<DialedNodes>> DialNodes(
    net::Transport* transport, const DialNodesOptions& options);

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_DIAL_NODES_H_
