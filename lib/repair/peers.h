// Connections to other storage nodes, by the addresses of the rings that this
// node keeps.
//
// One is dialed when it is asked for, goes on dialing by itself, and is closed
// when it is not among those to keep: who has nothing to do dials nobody.
//
// Threads: belongs to one.
#ifndef VARVE_LIB_REPAIR_PEERS_H_
#define VARVE_LIB_REPAIR_PEERS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "net/rpc/rpc.h"
#include "storage/engine/engine.h"

namespace varve::repair {

// A channel to the insert port at `address`, which greets as a storage node.
using Dial =
    std::function<std::unique_ptr<rpc::Channel>(const std::string& address)>;

// Where the newest ring with the node has it, for insert; "" without one, and
// of a forgotten node.
std::string AddressOf(const storage::Engine& engine, uint64_t node_id);

class Peers {
 public:
  // `engine` outlives it. `features` are those that a node must have.
  Peers(const storage::Engine* engine, Dial dial, uint64_t features)
      : engine_(engine), dial_(std::move(dial)), features_(features) {}

  // Null: not connected, maybe not yet. NotFound: no ring has an address of
  // it. FailedPrecondition: another node is there, or an older release.
  absl::StatusOr<rpc::Channel*> Reach(uint64_t node_id);
  // Closes the others.
  void Keep(const std::set<uint64_t>& node_ids);

 private:
  const storage::Engine* const engine_;
  const Dial dial_;
  const uint64_t features_;
  std::map<uint64_t, std::unique_ptr<rpc::Channel>> channels_;
};

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_PEERS_H_
