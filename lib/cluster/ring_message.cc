#include "lib/cluster/ring_message.h"

#include <algorithm>
#include <cstddef>

namespace varve::cluster {

std::vector<std::vector<std::string>> AddressesOf(const WriteView& view) {
  std::vector<std::vector<std::string>> all;
  for (const uint16_t first : view.node_of_member) {
    std::vector<std::string>& one =
        all.emplace_back(1, view.nodes->node(first).address);
    for (size_t i = 0; i < view.joined_ids.size(); ++i) {
      if (i == first || view.joined_ids[i] != view.node_ids[first]) continue;
      one.push_back(view.nodes->node(i).address);
    }
  }
  return all;
}

bool IsAddressOf(const proto::Ring::Member& member,
                 const std::string& address) {
  return member.address() == address ||
         std::count(member.other_addresses().begin(),
                    member.other_addresses().end(), address) > 0;
}

proto::Ring RingMessage(const WriteView& view, int64_t now_ms) {
  proto::Ring ring;
  ring.set_ring_id(view.ring->id());
  ring.set_replication_factor(view.ring->replication_factor());
  ring.set_first_ms(now_ms);
  ring.set_last_ms(now_ms);
  const std::vector<std::vector<std::string>> addresses = AddressesOf(view);
  for (size_t m = 0; m < view.ring->members().size(); ++m) {
    const placement::Member& from = view.ring->members()[m];
    proto::Ring::Member& member = *ring.add_members();
    member.set_node_id(from.node_id);
    member.set_zone(from.zone);
    member.set_weight(from.weight);
    member.set_address(addresses[m][0]);
    member.mutable_other_addresses()->Assign(addresses[m].begin() + 1,
                                             addresses[m].end());
  }
  return ring;
}

}  // namespace varve::cluster
