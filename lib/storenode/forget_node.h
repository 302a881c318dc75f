// An operator says that a storage node will not be back: its MISSED records are
// struck out, hints for it are dropped, nobody dials it any more
// (lib/repair/forgotten_nodes.h). Should it come back it is a node of a new
// ring, and gets and gives rows like any other.
//
// Each storage node is told by itself.
//
// Errors:  InvalidArgument for what names no node; NotFound for a node that
//          nothing here is about; FailedPrecondition for a member of the newest
//          ring and for a node that was up when repair came to it last; those
//          of the engine.
// Threads: from any.
#ifndef VARVE_LIB_STORENODE_FORGET_NODE_H_
#define VARVE_LIB_STORENODE_FORGET_NODE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/repair/repair_progress.h"
#include "lib/storenode/kept_state.h"
#include "storage/engine/engine.h"

namespace varve::storenode {

// What a node is forgotten by. All outlive it.
struct ForgetParts {
  storage::Engine* engine = nullptr;
  KeptState* kept = nullptr;
  const repair::RepairProgress* progress = nullptr;
};

struct ForgottenNode {
  uint64_t node_id = 0;
  std::string address;  // for insert; "": no ring has one
  int64_t missed_records = 0;  // struck out
  int64_t hint_bytes = 0;      // to be dropped
};

// `node`: an id of 16 hex digits, or an address for insert. An address stands
// for all nodes that were there last and are not in the newest ring; for those
// forgotten before only where it stands for nobody else and no member is there.
// `force`: a node that was up is forgotten too.
absl::StatusOr<std::vector<ForgottenNode>> ForgetNode(const ForgetParts& parts,
                                                      std::string_view node,
                                                      bool force);

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_FORGET_NODE_H_
