// What a storage node knows of its answers by its rings: who the members of the
// newest one are, and without whose answers its own may lack rows. These are
// members of older rings whose rows it has not made up for yet
// (lib/repair/lost_copies.h), and of the newest one those that know it to lack
// some, or that it has not heard since it was started, or since it last stood
// still: while a process is stopped, writes go on without it
// (lib/repair/peer_listener.h).
//
// And since when it has all samples of the slots that it owns by the newest
// ring, though most of them were written under older ones: since it compared
// itself with all other members (lib/repair/repairer.h). It may lack what came
// to a member by another ring after that, which is why each tells until when
// such rows came to it: an insert node whose list of nodes is old writes on by
// an old ring, hints are handed over late, a node that left is pulled from.
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
  // All other nodes were compared with, hours that go on too, and nothing of
  // `from_ms` and later is missing here of what they have; that began at
  // `began_ms`. Durable when it returns.
  absl::Status NoteCompared(int64_t began_ms, int64_t from_ms);
  // Rows routed by this ring are about to be stored. Durable where it is not
  // the newest one.
  absl::Status NoteRows(uint64_t ring_id);
  // Rows of a node that is no member of the newest ring are stored about now.
  absl::Status NoteForeign();
  // The other members of the newest ring.
  std::set<uint64_t> Others();
  // To be called several times a second: from the first time on what was heard
  // counts only while it is. False when it was not.
  bool NoteListening();
  // One of them knows this node to lack rows of these times, and tells until
  // when rows came to it by other rings.
  void NoteHeard(uint64_t node_id, std::vector<model::TimeRange> lacked,
                 int64_t other_rows_ms);
  // For an answer about `range`.
  absl::Status Tell(const model::TimeRange& range, proto::Coverage& coverage);
  // Rows of members that are gone are to be made up for.
  bool LacksLost();
  // A comparison that begins now finds rows that came to a member by another
  // ring since the last one.
  bool ToCompare();
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
  // Rows by other rings came until then.
  absl::Status NoteOther(int64_t until_ms) REQUIRES_LOCK(mutex_);
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
  // Written under the lock. While it is not changed_ the newest ring, 0: none;
  // and until when rows by other rings are noted.
  std::atomic<uint64_t> newest_id_{0};
  std::atomic<int64_t> other_rows_ms_{0};
  base::Mutex mutex_;
  // It was in no ring when it was started, and has run ever since: nobody can
  // have missed it.
  bool is_new_ GUARDED_BY(mutex_) = false;
  bool loaded_ GUARDED_BY(mutex_) = false;
  int64_t compared_ms_ GUARDED_BY(mutex_) = 0;
  int64_t compared_from_ms_ GUARDED_BY(mutex_) = 0;
  // By which ring other_rows_ms_ is.
  uint64_t noted_id_ GUARDED_BY(mutex_) = 0;
  proto::Coverage::NewestRing newest_ GUARDED_BY(mutex_);
  repair::LostCopies lost_ GUARDED_BY(mutex_);
  bool made_up_ GUARDED_BY(mutex_) = true;
  std::optional<Moment> listened_ GUARDED_BY(mutex_);
  // By other member of the newest ring. One is not in it before it is heard.
  struct Heard {
    std::vector<model::TimeRange> lacked;
    int64_t other_rows_ms = 0;
  };
  std::map<uint64_t, Heard> heard_ GUARDED_BY(mutex_);
};

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_RING_COVERAGE_H_
