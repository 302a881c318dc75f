#include "lib/repair/peers.h"

#include "lib/base/status.h"
#include "lib/repair/kept_rings.h"
#include "lib/wire/hello.h"
#include "proto/varve_rpc.pb.h"

namespace varve::repair {

std::string AddressOf(const storage::Engine& engine, uint64_t node_id) {
  const auto rings = KeptRings(engine);
  std::string address;
  int64_t newest_ms = INT64_MIN;
  if (!rings.ok()) return address;
  for (const proto::Ring& ring : *rings) {
    if (ring.last_ms() < newest_ms) continue;
    for (const proto::Ring::Member& member : ring.members()) {
      if (member.node_id() != node_id || member.address().empty()) continue;
      address = member.address();
      newest_ms = ring.last_ms();
    }
  }
  return address;
}

absl::StatusOr<rpc::Channel*> Peers::Reach(uint64_t node_id) {
  const std::string address = AddressOf(*engine_, node_id);
  if (address.empty()) {
    return base::NotFound("no ring has an address of node ",
                          absl::Hex(node_id, absl::kZeroPad16));
  }
  std::unique_ptr<rpc::Channel>& channel = channels_[node_id];
  if (channel == nullptr || channel->address() != address) {
    channel = dial_(address);
  }
  const std::string greeting = channel->peer_hello();
  if (greeting.empty()) return nullptr;
  ASSIGN_OR_RETURN(const wire::Hello hello, wire::DecodeHello(greeting));
  if (hello.node_id != node_id) {
    return base::FailedPrecondition(
        "at ", address, " is node ",
        absl::Hex(hello.node_id, absl::kZeroPad16), ", not ",
        absl::Hex(node_id, absl::kZeroPad16));
  }
  if ((hello.features & features_) != features_) {
    return base::FailedPrecondition("node ",
                                    absl::Hex(node_id, absl::kZeroPad16),
                                    " at ", address, " is of a release that cannot answer this");
  }
  return channel.get();
}

void Peers::Keep(const std::set<uint64_t>& node_ids) {
  std::erase_if(channels_, [&node_ids](const auto& one) {
    return node_ids.count(one.first) == 0;
  });
}

}  // namespace varve::repair
