// Storage nodes of which an operator has said that they will not be back.
//
// What had to do with such a node when that was said ends: in the rings that
// were known by then it has no address, so that nobody dials it, and hints that
// were kept for it by then are dropped. What comes later, a ring with it or
// hints, is as that of any other node.
//
// Kept in the engine's state: forgotten/<node id>, a text of numbers between
// spaces: last_ms of the newest ring by then, decimal, and the hint logs. Ids
// and logs have 16 hex digits.
//
// Threads: values; Put from one at a time for each node.
#ifndef VARVE_LIB_REPAIR_FORGOTTEN_NODES_H_
#define VARVE_LIB_REPAIR_FORGOTTEN_NODES_H_

#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "proto/varve_rpc.pb.h"
#include "storage/engine/engine.h"

namespace varve::repair {

class ForgottenNodes {
 public:
  struct Node {
    int64_t rings_ms = 0;  // last_ms of the newest ring by then
    std::vector<uint64_t> hint_logs;
  };

  // As they are now. A record that cannot be read forgets nothing.
  static ForgottenNodes Of(const storage::Engine& engine);
  // Durable when it returns. Errors: those of the engine.
  static absl::Status Put(storage::Engine& engine, uint64_t node_id,
                          const Node& node);

  bool Has(uint64_t node_id) const { return nodes_.count(node_id) > 0; }
  // Takes their addresses out of a ring that was known by then.
  void Hide(proto::Ring& ring) const;
  // The log was there by then.
  bool HasHints(uint64_t owner, uint64_t log) const;

 private:
  std::map<uint64_t, Node> nodes_;
};

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_FORGOTTEN_NODES_H_
