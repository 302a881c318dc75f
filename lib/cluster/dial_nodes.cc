#include "lib/cluster/dial_nodes.h"

#include "lib/base/log.h"
#include "lib/wire/hello.h"

namespace varve::cluster {

std::unique_ptr<NodeSet> DialNodes(net::Transport* transport,
                                   const DialNodesOptions& options) {
  std::vector<Node> nodes;
  for (const NodeAddress& address : options.addresses) {
    rpc::TcpChannelOptions channel;
    channel.address = address.address;
    channel.hello = [role = options.role, token = options.token] {
      return wire::EncodeHello(role, token);
    };
    channel.accept = [](std::string_view hello) {
      return wire::AcceptHello(hello, "");
    };
    channel.on_first_connect = [text = address.text] {
      base::LogInfo("successfully dialed -storageNode=\"", text, "\"");
    };
    channel.dial = options.dial;
    channel.metrics = options.metrics;
    channel.metrics_name = options.metrics_name;
    Node node;
    node.address = address.address;
    node.group = address.group;
    node.channel =
        std::make_unique<rpc::TcpChannel>(transport, std::move(channel));
    nodes.push_back(std::move(node));
  }
  return std::make_unique<NodeSet>(std::move(nodes));
}

}  // namespace varve::cluster
