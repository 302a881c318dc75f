// What a storage node knows of its answers by its rings: who the members of the
// newest one are, and without whose answers its own may lack rows. These are
// members of older rings whose rows it has not made up for yet
// (lib/repair/lost_copies.h), and of the newest one those that know it to lack
// some, or that it has not heard since it was started, or since it last stood
// still: while a process is stopped, writes go on without it
// (lib/repair/peer_listener.h).
//
// Errors:  the engine's.
// Threads: all members from any thread.
#ifndef VARVE_LIB_STORENODE_RING_COVERAGE_H_
#define VARVE_LIB_STORENODE_RING_COVERAGE_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/model/time_range.h"
#include "lib/repair/lost_copies.h"
#include "proto/varve_rpc.pb.h"
#include "storage/engine/engine.h"

namespace varve::storenode {

class RingCoverage {
 public:
  // Both outlive it.
  explicit RingCoverage(storage::Engine* engine,
                        const base::Clock* clock = &base::SystemClock());

  // The kept rings are other ones now.
  void RingsChanged() { changed_ = true; }
  // All other nodes were compared with, up to the hour that goes on, and nothing
  // is missing here of what they have; that began at `began_ms`. Durable when it
  // returns.
  absl::Status NoteCompared(int64_t began_ms);
  // The other members of the newest ring.
  std::set<uint64_t> Others();
  // To be called several times a second: from the first time on what was heard
  // counts only while it is. False when it was not.
  bool NoteListening();
  // One of them knows this node to lack rows of these times.
  void NoteHeard(uint64_t node_id, std::vector<model::TimeRange> lacked);
  // For an answer about `range`.
  absl::Status Tell(const model::TimeRange& range, proto::Coverage& coverage);
  // Rows of members that are gone are to be made up for.
  bool LacksLost();
  // How many nodes Tell() names for some range.
  absl::StatusOr<int64_t> DoubtsCount();
  // Each other member of the newest ring was heard, or need not be.
  bool AllHeard();

 private:
  // By both clocks: a machine that sleeps may stop the one, and none sets the
  // other often.
  struct Moment {
    int64_t steady_ms = 0;
    int64_t now_ms = 0;
  };

  absl::Status Load() REQUIRES_LOCK(mutex_);
  absl::Status Refresh() REQUIRES_LOCK(mutex_);
  // Of the newest ring, and not this node.
  std::vector<uint64_t> OthersNow() const REQUIRES_LOCK(mutex_);
  // NoteListening was called in time, or never yet.
  bool Listens() const REQUIRES_LOCK(mutex_);
  // It was not heard, or knows of rows in the range that this node lacks.
  bool IsDoubted(uint64_t node_id, const model::TimeRange& range) const
      REQUIRES_LOCK(mutex_);

  storage::Engine* const engine_;
  const base::Clock* const clock_;
  std::atomic<bool> changed_{true};
  base::Mutex mutex_;
  // It was in no ring when it was started, and has run ever since: nobody can
  // have missed it.
  bool is_new_ GUARDED_BY(mutex_) = false;
  bool loaded_ GUARDED_BY(mutex_) = false;
  int64_t compared_ms_ GUARDED_BY(mutex_) = 0;
  proto::Coverage::NewestRing newest_ GUARDED_BY(mutex_);
  repair::LostCopies lost_ GUARDED_BY(mutex_);
  bool made_up_ GUARDED_BY(mutex_) = true;
  std::optional<Moment> listened_ GUARDED_BY(mutex_);
  // By other member of the newest ring. One is not in it before it is heard.
  std::map<uint64_t, std::vector<model::TimeRange>> heard_ GUARDED_BY(mutex_);
};

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_RING_COVERAGE_H_
