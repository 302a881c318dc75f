// Which nodes own a slot: rendezvous hashing over node ids, zones first.
//
// A slot is the top 16 bits of a series hash: 65,536 of them, for ever. The
// owners of a slot are the replication_factor nodes with the highest weighted
// scores, distinct zones before repeated ones; the nodes after them follow in
// order, for when owners are down. A ring is named by a hash of its sorted
// members and its factor: equal on every insert node.
//
// Threads: immutable after Make.
// Source:  Thaler and Ravishankar, "Using name-based mappings to increase hit
//          rates" (1998); weights as -w / ln(u).
#ifndef VARVE_LIB_PLACEMENT_RING_H_
#define VARVE_LIB_PLACEMENT_RING_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace varve::placement {

inline constexpr uint32_t kSlots = 65'536;

struct Member {
  uint64_t node_id = 0;
  std::string zone;
  uint32_t weight = 1;
};

class Ring {
 public:
  // REQUIRES: 1..65535 members with distinct ids. A factor above the number of
  // members is cut to it.
  static Ring Make(std::vector<Member> members, uint32_t replication_factor);

  uint64_t id() const { return id_; }
  uint32_t replication_factor() const { return replication_factor_; }
  const std::vector<Member>& members() const { return members_; }

  // Indexes into members(), the first owner first.
  std::span<const uint16_t> Owners(uint16_t slot) const {
    return {owners_.data() + size_t{slot} * replication_factor_,
            replication_factor_};
  }
  // All members in the slot's order of preference, owners first.
  std::vector<uint16_t> Preference(uint16_t slot) const;

 private:
  Ring() = default;
  uint64_t id_ = 0;
  uint32_t replication_factor_ = 1;
  std::vector<Member> members_;  // sorted by node_id
  std::vector<uint16_t> owners_;
};

// What names a cluster to a level above it: a hash of the ids of its storage
// nodes, in whatever order, and of nothing else. Every node of the cluster that
// knows the ring comes to the same, whichever of its members are down.
uint64_t ClusterId(std::span<const Member> members);

}  // namespace varve::placement

#endif  // VARVE_LIB_PLACEMENT_RING_H_
