// Rings and MISSED records a storage node keeps for others.
//
// Kept through Engine::PutState, so that they are logged and fsynced before a
// Put returns. A ring seen again widens its span of time; MISSED records of
// one owner, ring and span of time are joined, so that a node away for long
// grows by one record an hour and not by one a write.
//
// Errors:  InvalidArgument for what is no ring or MISSED record; the engine's.
// Threads: all members from any thread.
#ifndef VARVE_LIB_STORENODE_KEPT_STATE_H_
#define VARVE_LIB_STORENODE_KEPT_STATE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/mutex.h"
#include "proto/varve_rpc.pb.h"
#include "storage/engine/engine.h"

namespace varve::storenode {

class KeptState {
 public:
  explicit KeptState(storage::Engine* engine) : engine_(engine) {}

  absl::Status PutRing(const proto::Ring& ring);
  absl::StatusOr<proto::RingList> Rings() const;

  absl::Status PutMissed(const proto::Missed& missed);
  absl::StatusOr<std::vector<proto::Missed>> Missed() const;

 private:
  // The kept message under `key`, or an empty one.
  template <typename Message>
  absl::StatusOr<Message> Kept(const std::string& key) const;

  storage::Engine* const engine_;
  // Between reading what is kept and putting what is to be kept.
  base::Mutex mutex_;
};

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_KEPT_STATE_H_
