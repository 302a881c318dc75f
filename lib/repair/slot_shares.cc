#include "lib/repair/slot_shares.h"

#include <algorithm>
#include <map>
#include <utility>

#include "lib/placement/ring.h"
#include "lib/repair/kept_rings.h"

namespace varve::repair {
namespace {

std::vector<bool> OwnedBy(uint64_t node_id, const proto::Ring& ring) {
  const placement::Ring made = PlacementOf(ring);
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

// What it owns, without the slots that it shares.
model::SlotSet StraysOf(const std::vector<bool>& owned,
                        const model::SlotSet& shared) {
  model::SlotSet strays;
  for (uint32_t i = 0; i < placement::kSlots; ++i) {
    const auto slot = static_cast<uint16_t>(i);
    if (owned[i] && !shared.Has(slot)) strays.Add(slot);
  }
  return strays;
}

}  // namespace

SlotShares SharesOf(uint64_t node_id, std::span<const proto::Ring> rings) {
  const std::vector<const proto::Ring*> newest_first = NewestFirst(rings);
  SlotShares shares;
  if (newest_first.empty() || !HasMember(*newest_first[0], node_id)) return shares;
  const proto::Ring& own = *newest_first[0];
  shares.ring_id = own.ring_id();
  shares.members = static_cast<size_t>(own.members_size());
  const std::vector<bool> owned = OwnedBy(node_id, own);
  const std::map<uint64_t, std::string> addresses = AddressesOf(newest_first);
  std::map<uint64_t, int64_t> last_ms;
  std::map<uint64_t, model::SlotSet> others;
  for (const proto::Ring* ring : newest_first) {
    for (const proto::Ring::Member& one : ring->members()) {
      last_ms.try_emplace(one.node_id(), ring->last_ms());
      if (one.node_id() != node_id) others.try_emplace(one.node_id());
    }
    const placement::Ring made = PlacementOf(*ring);
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
    model::SlotSet strays = StraysOf(owned, slots);
    shares.others.push_back({.node_id = other,
                             .address = address->second,
                             .is_member = HasMember(own, other),
                             .last_ms = last_ms[other],
                             .slots = std::move(slots),
                             .strays = std::move(strays)});
  }
  std::rotate(shares.others.begin(),
              std::ranges::upper_bound(shares.others, node_id, {},
                                       &SlotShare::node_id),
              shares.others.end());
  return shares;
}

}  // namespace varve::repair
