// What -storageNode may name: an address, or where addresses are found.
//
//   host:port, host         one node; the default port where none is given
//   group/host:port         one node of a group
//   srv+name[:port]         the targets of the name's SRV records, at their
//                           ports or at the given one
//   dns+host[:port]         each IPv4 address of the host; where it has none and
//                           IPv6 is enabled, each IPv6 address
//   file:path               the lines of a file, each host:port or
//                           group/host:port; empty lines and what follows a #
//                           are passed over
//
// The last three are asked again while the process runs (dial_nodes.h) and may
// have a group in front as well. IPv6 addresses stand in [].
//
// Threads: free functions without state.
#ifndef VARVE_LIB_CLUSTER_NODE_SOURCE_H_
#define VARVE_LIB_CLUSTER_NODE_SOURCE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "net/dns/resolver.h"

namespace varve::cluster {

struct NodeAddress {
  std::string group;
  std::string address;  // host:port
  std::string text;     // as it was given
  friend bool operator==(const NodeAddress&, const NodeAddress&) = default;
};

struct NodeSource {
  enum class Kind { kAddress, kSrv, kDns, kFile };
  Kind kind = Kind::kAddress;
  std::string group;
  std::string text;  // as the user gave it
  std::string name;  // host, service or path
  int port = 0;      // kSrv: 0 means the record's

  bool changes() const { return kind != Kind::kAddress; }
};

// InvalidArgument for none, and for one that is empty, malformed or repeated.
absl::StatusOr<std::vector<NodeSource>> ParseNodeSources(
    const std::vector<std::string>& texts, int default_port);

// The nodes of a source at this moment, sorted, without repeats.
// Slow: reads a file or waits for DNS.
// Errors:  Unavailable where it cannot be read or names no node,
//          InvalidArgument for a malformed line.
absl::StatusOr<std::vector<NodeAddress>> FindNodes(const NodeSource& source,
                                                   int default_port,
                                                   dns::Resolver& resolver,
                                                   bool enable_ipv6);

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_NODE_SOURCE_H_
