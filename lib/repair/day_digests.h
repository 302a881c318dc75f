// Digests of the days of a node's samples, or of single hours: computed by a
// scan of what a tenant has there, kept while it stays as it is.
//
// What counts is what a read of all distinct samples gives (keep_all): deleted
// samples and those out of retention do not. With a dedup interval it is what
// the interval leaves: the rewrite of a day that is over drops the others from
// the disk, on each node at another time, so that nothing else is the same on
// all of them. Retention filters and downsampling apply to reads at once, by
// the clock: nodes agree on what is in Engine::HistoryOf's `settled`.
//
// A span is kept once it is over; a late row or a delete on its day changes
// the History, and it is computed anew when asked for. What rules for old
// samples reach by the clock is computed anew once a day. While rows of it may
// be missing by damage it is kept for an hour: more of it may be found to be
// damaged. Totals are kept of many spans, rows of those that differ somewhere,
// which are asked for again.
//
// Memory:  a scan has 590 KB for each kind that the span has; kept are rows of
//          at most `kept_bytes_max` and some 60 MB of totals. What was asked
//          for longest ago goes first.
// Errors:  those of Engine::Search; Cancelled and DeadlineExceeded by `alive`.
// Threads: all members from any thread. Spans that are asked for by several at
//          once are computed by each of them.
#ifndef VARVE_LIB_REPAIR_DAY_DIGESTS_H_
#define VARVE_LIB_REPAIR_DAY_DIGESTS_H_

#include <cstdint>
#include <list>
#include <memory>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "lib/base/alive.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/model/slot_set.h"
#include "lib/model/tenant.h"
#include "lib/model/time_range.h"
#include "lib/repair/sample_digest.h"
#include "storage/engine/engine.h"

namespace varve::repair {

struct DigestSpan {
  static constexpr int kWholeDay = -1;

  int32_t day = 0;        // since 1970, UTC
  int hour = kWholeDay;   // of the day
  model::TimeRange range() const;
};

// The series of a tenant whose slots are in the set; null: all.
struct DigestSubject {
  model::TenantId tenant;
  DigestSpan span;
  const model::SlotSet* slots = nullptr;
};

struct SpanDigest {
  std::vector<DigestRow> rows;  // in the order of kind, hour, part
  bool complete = true;         // false: damaged blocks were left out
  bool settled = false;         // all of the span is
};

struct SpanTotals {
  DigestTotals kinds;
  bool complete = true;  // as above
  bool settled = false;
};

struct DayDigestStats {
  int64_t computed = 0;  // spans
  int64_t samples = 0;   // of them, floats and histograms
  int64_t kept = 0;      // spans with their rows, now
  int64_t kept_bytes = 0;
  int64_t kept_totals = 0;
};

class DayDigests {
 public:
  // A node of a million active series that are spread over all parts has some
  // 800 KB a day.
  static constexpr int64_t kKeptBytesMax = 64 << 20;
  // Of 300 bytes: a month of 700 pairs of tenants and peers.
  static constexpr int64_t kKeptTotalsMax = 200'000;

  // Both outlive it.
  explicit DayDigests(storage::Engine* engine,
                      int64_t kept_bytes_max = kKeptBytesMax,
                      int64_t kept_totals_max = kKeptTotalsMax,
                      const base::Clock* clock = &base::SystemClock())
      : engine_(*engine),
        kept_bytes_max_(kept_bytes_max),
        kept_totals_max_(kept_totals_max),
        clock_(*clock) {}

  // `alive` as in SearchRequest.
  absl::StatusOr<std::shared_ptr<const SpanDigest>> Of(
      const DigestSubject& subject, const base::Alive* alive = nullptr);
  absl::StatusOr<SpanTotals> TotalsOf(const DigestSubject& subject,
                                      const base::Alive* alive = nullptr);

  DayDigestStats Stats() const;

 private:
  // Tenant, day, hour, and a hash of the slots.
  using Key = std::tuple<model::TenantId, int32_t, int, uint64_t>;
  // What is kept holds while this is the same.
  struct Version {
    uint64_t changes = 0;   // of the History
    int32_t rules_day = 0;  // when it was computed; 0: no rule reaches it
    friend bool operator==(const Version&, const Version&) = default;
  };
  struct State {
    Version version;
    bool settled = false;
    bool is_over = false;
    bool may_lack = false;
  };
  struct Kept {
    Version version;
    int64_t until_steady_ms = INT64_MAX;
    std::list<Key>::iterator asked;
  };
  struct KeptRows : Kept {
    std::shared_ptr<const SpanDigest> digest;
  };
  struct KeptTotals : Kept {
    SpanTotals totals;
  };

  static Key KeyOf(const DigestSubject& subject);
  State StateOf(const DigestSubject& subject) const;
  bool Holds(const Kept& kept, const State& state) const;
  absl::StatusOr<std::shared_ptr<const SpanDigest>> Compute(
      const DigestSubject& subject, bool settled, const base::Alive* alive);
  std::shared_ptr<const SpanDigest> Find(const Key& key, const State& state);
  void Keep(const Key& key, const State& state,
            std::shared_ptr<const SpanDigest> digest);
  void KeepTotals(const Key& key, const Kept& kept, const SpanDigest& digest)
      REQUIRES_LOCK(mutex_);
  void Drop(const Key& key) REQUIRES_LOCK(mutex_);

  storage::Engine& engine_;
  const int64_t kept_bytes_max_;
  const int64_t kept_totals_max_;
  const base::Clock& clock_;

  mutable base::Mutex mutex_;
  // Of the lists the last one is the latest.
  absl::flat_hash_map<Key, KeptRows> kept_ GUARDED_BY(mutex_);
  std::list<Key> asked_ GUARDED_BY(mutex_);
  absl::flat_hash_map<Key, KeptTotals> totals_ GUARDED_BY(mutex_);
  std::list<Key> totals_asked_ GUARDED_BY(mutex_);
  DayDigestStats stats_ GUARDED_BY(mutex_);
};

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_DAY_DIGESTS_H_
