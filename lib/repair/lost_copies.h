// What a storage node may lack since the membership changed.
//
// The rows of a slot lie with its owners by the ring they were written under.
// Where one of these owners is no member of the newest ring, a node that owns
// the slot by the newest ring but not by that one is to have its copy, and has
// it once it has compared itself with all others (repairer.h). Until then an
// answer may lack rows when other owners fail as well. As long as none of the
// members of an older ring is gone, its rows have their copies where they were.
//
// Why:     a node that was replaced by an empty one, or taken out of the lists,
//          took one copy of its rows with it.
// Cost:    slots x members for each ring of which a member is gone.
// Threads: free functions.
#ifndef VARVE_LIB_REPAIR_LOST_COPIES_H_
#define VARVE_LIB_REPAIR_LOST_COPIES_H_

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "proto/varve_rpc.pb.h"

namespace varve::repair {

struct LostCopies {
  // Who had copies that the node has to make up for, sorted.
  std::vector<uint64_t> members;
  // When the last rows were written that may be among them.
  int64_t until_ms = std::numeric_limits<int64_t>::min();
};

// How long rows may be under way to a node: as long as an insert node tries to
// write.
inline constexpr int64_t kUnderWayMs = 30'000;

LostCopies LostCopiesOf(uint64_t node_id, std::span<const proto::Ring> rings);

// Whether a whole comparison with all others that began at `compared_ms` (0: none
// has) found all of these rows at rest: writes by the old ring may
// have been under way for kUnderWayMs.
bool MadeUp(const LostCopies& lost, int64_t compared_ms);

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_LOST_COPIES_H_
