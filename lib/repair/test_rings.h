// Rings for tests.
#ifndef VARVE_LIB_REPAIR_TEST_RINGS_H_
#define VARVE_LIB_REPAIR_TEST_RINGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "proto/varve_rpc.pb.h"

namespace varve::repair {

// Its id is the time.
inline proto::Ring RingOf(const std::vector<uint64_t>& ids, int64_t last_ms,
                          uint32_t factor = 2) {
  proto::Ring ring;
  ring.set_ring_id(static_cast<uint64_t>(last_ms));
  ring.set_last_ms(last_ms);
  ring.set_replication_factor(factor);
  for (const uint64_t id : ids) {
    proto::Ring::Member& member = *ring.add_members();
    member.set_node_id(id);
    member.set_address("node" + std::to_string(id));
    member.set_weight(1);
  }
  return ring;
}

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_TEST_RINGS_H_
