#include "lib/cluster/local_node.h"

#include <utility>
#include <vector>

#include "lib/wire/hello.h"
#include "net/rpc/local_channel.h"

namespace varve::cluster {

std::unique_ptr<NodeSet> LocalNode(rpc::Service* service,
                                   const std::string& role) {
  std::vector<Node> nodes;
  nodes.push_back({.address = "local",
                   .group = "",
                   .channel = std::make_unique<rpc::LocalChannel>(
                       "local", service, wire::EncodeHello(role, ""))});
  return std::make_unique<NodeSet>(std::move(nodes));
}

}  // namespace varve::cluster
