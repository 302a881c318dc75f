// Which slots a storage node shares with which other one: those that it owns
// by the newest ring, and that the other one owns by any ring. Of these the
// other one may have rows that belong here. Of all others that it owns the
// other one has what it stored as a stand-in, which is seldom anything.
//
// A node that came to another one's address later has replaced it: that one
// is left out. So are rings that are known by their id alone. A node that is
// not in the newest ring shares nothing: it has left.
//
// Cost:    rings x slots x members: tenths of a second for a hundred of them.
// Threads: a free function.
#ifndef VARVE_LIB_REPAIR_SLOT_SHARES_H_
#define VARVE_LIB_REPAIR_SLOT_SHARES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/model/slot_set.h"
#include "proto/varve_rpc.pb.h"

namespace varve::repair {

struct SlotShare {
  uint64_t node_id = 0;
  std::string address;  // for insert
  bool is_member = false;  // of the ring by which this node owns them
  int64_t last_ms = 0;     // of the newest ring with it
  model::SlotSet slots;
  model::SlotSet strays;   // owned here and by no ring there
};

struct SlotShares {
  uint64_t ring_id = 0;  // by which the node owns what it does; 0: by none
  size_t members = 0;    // of that ring, this node too
  // By node id, from the first after the own one on: not all nodes shall ask
  // the same one first.
  std::vector<SlotShare> others;
};

SlotShares SharesOf(uint64_t node_id, std::span<const proto::Ring> rings);

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_SLOT_SHARES_H_
