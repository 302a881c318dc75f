#include "lib/cluster/node_set.h"

#include <algorithm>

#include "lib/base/status.h"
#include "lib/wire/hello.h"

namespace varve::cluster {

absl::StatusOr<NodeGreeting> NodeList::Greeting(size_t i) const {
  const Node& node = *nodes_[i];
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
  greeting.weight = hello.weight;
  greeting.is_select = hello.role == "select";
  greeting.is_insert = hello.role == "insert";
  greeting.member_ids = hello.member_ids;
  std::sort(greeting.member_ids.begin(), greeting.member_ids.end());
  return greeting;
}

}  // namespace varve::cluster
