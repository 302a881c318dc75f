#include "lib/repair/slot_shares.h"

#include <algorithm>
#include <map>
#include <utility>

#include "lib/placement/ring.h"

namespace varve::repair {
namespace {

placement::Ring Make(const proto::Ring& ring) {
  std::vector<placement::Member> members;
  for (const proto::Ring::Member& one : ring.members()) {
    members.push_back({.node_id = one.node_id(),
                       .zone = one.zone(),
                       .weight = std::max<uint32_t>(one.weight(), 1)});
  }
  return placement::Ring::Make(std::move(members), ring.replication_factor());
}

std::vector<bool> OwnedBy(uint64_t node_id, const proto::Ring& ring) {
  const placement::Ring made = Make(ring);
  std::vector<bool> owned(placement::kSlots);
  for (uint32_t slot = 0; slot < placement::kSlots; ++slot) {
    for (const uint16_t owner : made.Owners(static_cast<uint16_t>(slot))) {
      if (made.members()[owner].node_id == node_id) owned[slot] = true;
    }
  }
  return owned;
}

// Where the newest ring has each node, if nobody newer is there.
std::map<uint64_t, std::string> AddressesOf(
    std::span<const proto::Ring* const> newest_first) {
  std::map<uint64_t, std::string> addresses;
  std::map<std::string, uint64_t> at;
  for (const proto::Ring* ring : newest_first) {
    for (const proto::Ring::Member& one : ring->members()) {
      if (one.address().empty() || addresses.count(one.node_id()) > 0) continue;
      const bool first = at.try_emplace(one.address(), one.node_id()).second;
      addresses[one.node_id()] = first ? one.address() : "";
    }
  }
  return addresses;
}

bool Has(const proto::Ring& ring, uint64_t node_id) {
  return std::ranges::any_of(ring.members(), [node_id](const auto& one) {
    return one.node_id() == node_id;
  });
}

}  // namespace

SlotShares SharesOf(uint64_t node_id, std::span<const proto::Ring> rings) {
  std::vector<const proto::Ring*> newest_first;
  for (const proto::Ring& ring : rings) {
    if (!ring.members().empty()) newest_first.push_back(&ring);
  }
  std::ranges::sort(newest_first, [](const auto* a, const auto* b) {
    return std::pair(a->last_ms(), a->ring_id()) >
           std::pair(b->last_ms(), b->ring_id());
  });
  SlotShares shares;
  const auto own = std::ranges::find_if(
      newest_first, [&](const auto* ring) { return Has(*ring, node_id); });
  if (own == newest_first.end()) return shares;
  shares.ring_id = (*own)->ring_id();
  const std::vector<bool> owned = OwnedBy(node_id, **own);
  const std::map<uint64_t, std::string> addresses = AddressesOf(newest_first);
  std::map<uint64_t, model::SlotSet> others;
  for (const proto::Ring* ring : newest_first) {
    const placement::Ring made = Make(*ring);
    for (uint32_t i = 0; i < placement::kSlots; ++i) {
      if (!owned[i]) continue;
      const auto slot = static_cast<uint16_t>(i);
      for (const uint16_t owner : made.Owners(slot)) {
        const uint64_t other = made.members()[owner].node_id;
        if (other != node_id) others[other].Add(slot);
      }
    }
  }
  for (auto& [other, slots] : others) {
    const auto address = addresses.find(other);
    if (address == addresses.end() || address->second.empty()) continue;
    shares.others.push_back({.node_id = other,
                             .address = address->second,
                             .is_member = Has(**own, other),
                             .slots = std::move(slots)});
  }
  return shares;
}

}  // namespace varve::repair
