#include "lib/cluster/local_node.h"

#include <utility>
#include <vector>

#include "lib/wire/hello.h"
#include "net/rpc/local_channel.h"

namespace varve::cluster {

std::unique_ptr<NodeSet> LocalNode(rpc::Service* service,
                                   const std::string& role) {
  return std::make_unique<NodeSet>(std::vector<std::shared_ptr<const Node>>{
      std::make_shared<const Node>(
          "local", "",
          std::make_unique<rpc::LocalChannel>("local", service,
                                              wire::EncodeHello(role, "")))});
}

}  // namespace varve::cluster
