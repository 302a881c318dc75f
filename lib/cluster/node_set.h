// The storage nodes of -storageNode: channels, greetings, health.
//
// Made by DialNodes (lib/cluster/dial_nodes.h), which connects eagerly; or from
// channels of any kind, for tests and for one process that holds all roles.
//
// Threads: all members from any thread.
#ifndef VARVE_LIB_CLUSTER_NODE_SET_H_
#define VARVE_LIB_CLUSTER_NODE_SET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "net/rpc/rpc.h"

namespace varve::cluster {

struct Node {
  std::string address;  // as given, without the group
  std::string group;    // "group/address" of -storageNode; "" without
  std::unique_ptr<rpc::Channel> channel;
};

// What a storage node said in its HELLO.
struct NodeGreeting {
  uint64_t node_id = 0;
  uint64_t ref_epoch = 0;
  uint64_t features = 0;
  std::string zone;
};

class NodeSet {
 public:
  explicit NodeSet(std::vector<Node> nodes);

  size_t size() const { return nodes_.size(); }
  const Node& node(size_t i) const { return nodes_[i]; }
  rpc::Channel& channel(size_t i) { return *nodes_[i].channel; }
  bool connected(size_t i) const { return nodes_[i].channel->connected(); }
  // Unavailable while node `i` is not connected.
  absl::StatusOr<NodeGreeting> Greeting(size_t i) const;

 private:
  std::vector<Node> nodes_;
};

// "host:port", "host", "group/host:port" of -storageNode; `default_port` is
// added where missing. InvalidArgument for none, an empty or a repeated one.
// IPv6 addresses stand in [].
struct NodeAddress {
  std::string group;
  std::string address;  // host:port
  std::string text;     // as the user gave it
};
absl::StatusOr<std::vector<NodeAddress>> ParseNodeAddresses(
    const std::vector<std::string>& texts, int default_port);

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_NODE_SET_H_
