// Digests of the days of a node's samples: computed by a scan of a tenant's
// day, kept while the day stays as it is.
//
// What counts is what a read of all distinct samples gives (keep_all): deleted
// samples and those out of retention do not. With a dedup interval it is what
// the interval leaves: the rewrite of a day that is over drops the others from
// the disk, on each node at another time, so that nothing else is the same on
// all of them. Retention filters and downsampling apply to reads at once, by
// the clock: nodes agree on what is in Engine::HistoryOf's `settled`.
//
// A day is kept once all of it is settled; a late row or a delete on it
// changes its History, and it is computed anew when asked for. While rows of
// it may be missing by damage it is not kept either.
//
// Memory:  a scan has 590 KB for each kind that the day has; kept are at most
//          `kept_bytes_max`, of which the days asked for longest ago go first.
// Errors:  those of Engine::Search; Cancelled and DeadlineExceeded by `alive`.
// Threads: all members from any thread. Days that are asked for by several at
//          once are computed by each of them.
#ifndef VARVE_LIB_REPAIR_DAY_DIGESTS_H_
#define VARVE_LIB_REPAIR_DAY_DIGESTS_H_

#include <cstdint>
#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "lib/base/alive.h"
#include "lib/base/mutex.h"
#include "lib/model/tenant.h"
#include "lib/repair/sample_digest.h"
#include "storage/engine/engine.h"

namespace varve::repair {

struct DayDigest {
  std::vector<DigestRow> rows;  // in the order of kind, hour, part
  bool complete = true;         // false: damaged blocks were left out
  bool settled = false;         // all of the day is
};

struct DayDigestStats {
  int64_t computed = 0;  // days
  int64_t samples = 0;   // of them, floats and histograms
  int64_t kept = 0;      // days, now
  int64_t kept_bytes = 0;
};

class DayDigests {
 public:
  // A node of a million active series that are spread over all parts has some
  // 800 KB a day.
  static constexpr int64_t kKeptBytesMax = 64 << 20;

  // `engine` outlives it.
  explicit DayDigests(storage::Engine* engine,
                      int64_t kept_bytes_max = kKeptBytesMax)
      : engine_(*engine), kept_bytes_max_(kept_bytes_max) {}

  // `day` since 1970, UTC. `alive` as in SearchRequest.
  absl::StatusOr<std::shared_ptr<const DayDigest>> Of(
      const model::TenantId& tenant, int32_t day,
      const base::Alive* alive = nullptr);

  DayDigestStats Stats() const;

 private:
  using Key = std::pair<model::TenantId, int32_t>;
  struct Kept {
    uint64_t changes = 0;  // of the History it was computed under
    std::shared_ptr<const DayDigest> digest;
    std::list<Key>::iterator asked;
  };

  absl::StatusOr<std::shared_ptr<const DayDigest>> Compute(
      const model::TenantId& tenant, int32_t day, bool settled,
      const base::Alive* alive);
  std::shared_ptr<const DayDigest> Find(const Key& key, uint64_t changes);
  void Keep(const Key& key, uint64_t changes,
            std::shared_ptr<const DayDigest> digest);
  void Drop(const Key& key) REQUIRES_LOCK(mutex_);

  storage::Engine& engine_;
  const int64_t kept_bytes_max_;

  mutable base::Mutex mutex_;
  absl::flat_hash_map<Key, Kept> kept_ GUARDED_BY(mutex_);
  std::list<Key> asked_ GUARDED_BY(mutex_);  // the last one is the latest
  DayDigestStats stats_ GUARDED_BY(mutex_);
};

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_DAY_DIGESTS_H_
