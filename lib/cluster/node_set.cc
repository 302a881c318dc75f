#include "lib/cluster/node_set.h"

#include <set>

#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/wire/hello.h"

namespace varve::cluster {
namespace {

bool HasPort(std::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return false;
  return address.back() != ']';  // "[::1]"
}

}  // namespace

NodeSet::NodeSet(std::vector<Node> nodes) : nodes_(std::move(nodes)) {}

absl::StatusOr<NodeGreeting> NodeSet::Greeting(size_t i) const {
  const Node& node = nodes_[i];
  const std::string bytes = node.channel->peer_hello();
  if (bytes.empty()) {
    return base::Unavailable(node.address, " is not connected");
  }
  ASSIGN_OR_RETURN(const wire::Hello hello, wire::DecodeHello(bytes));
  NodeGreeting greeting;
  greeting.node_id = hello.node_id;
  greeting.ref_epoch = hello.ref_epoch;
  greeting.features = hello.features;
  greeting.zone = hello.zone;
  return greeting;
}

absl::StatusOr<std::vector<NodeAddress>> ParseNodeAddresses(
    const std::vector<std::string>& texts, int default_port) {
  if (texts.empty()) {
    return base::InvalidArgument("missing -storageNode: one address at least");
  }
  std::vector<NodeAddress> addresses;
  std::set<std::string> seen;
  for (const std::string& text : texts) {
    NodeAddress parsed;
    parsed.text = text;
    std::string_view rest = text;
    const size_t slash = rest.find('/');
    if (slash != std::string_view::npos) {
      parsed.group = std::string(rest.substr(0, slash));
      rest.remove_prefix(slash + 1);
    }
    if (rest.empty() || rest.find('/') != std::string_view::npos ||
        rest.substr(0, 4) == "srv+" || rest.substr(0, 5) == "file:") {
      return base::InvalidArgument("-storageNode=\"", text,
                                   "\" is not host:port or group/host:port");
    }
    parsed.address = HasPort(rest)
                         ? std::string(rest)
                         : base::StrCat(rest, ":", default_port);
    if (!seen.insert(parsed.address).second) {
      return base::InvalidArgument("-storageNode=\"", text,
                                   "\" is given more than once");
    }
    addresses.push_back(std::move(parsed));
  }
  return addresses;
}

}  // namespace varve::cluster
