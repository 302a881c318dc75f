// Deletes: as records of the log, as rows of the meta family, and as the set
// that searches and appends look at.
//
//   delete  := kind:u8 tenant:u64 accept_ms:i64 start_ms:i64 end_ms:i64
//              groups:varint { matchers:varint { type:u8 name value }* }* ids
//   row     := generation:u64 days:varint { day:varint-difference }* delete
//
// name and value are varint-prefixed, ids a set of storage/index/posting.h to
// the end; little endian. A row's key is the log position of the delete.
//
// What a delete does: it hides, in its range, what lower generations hold of
// the series it matched when it was logged; the active generation lost those
// samples at that moment. Rows that were accepted before it and arrive after
// it are dropped, of series it matched or would have matched. What arrives
// later is new. It is kept until no block of a lower generation is left that
// was not rewritten, and for kLateCopiesMs at least.
//
// Errors:  DataLoss for bytes that are no delete.
// Threads: Tombstones from any thread; the rest is free of state.
#ifndef VARVE_STORAGE_ENGINE_TOMBSTONE_H_
#define VARVE_STORAGE_ENGINE_TOMBSTONE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/mutex.h"
#include "lib/model/matcher.h"
#include "lib/model/series_filter.h"
#include "lib/model/tenant.h"
#include "lib/model/time_range.h"
#include "storage/index/posting.h"

namespace varve::storage {

// Copies of rows may still be on their way for so long: hints, repair.
inline constexpr int64_t kLateCopiesMs = model::kDayMs;
// Each is looked at for every series of a search of its tenant.
inline constexpr size_t kTombstonesMax = 10'000;

struct Tombstone {
  model::TenantId tenant;
  int64_t accept_ms = 0;
  model::TimeRange range;
  std::vector<model::Matchers> groups;
  IdSet ids;
  // Not in the log: known when it is applied.
  uint64_t position = 0;  // its record ends there
  uint64_t below_generation = 0;
  std::vector<model::SeriesFilter> filters;  // of `groups`

  // Whether a row of the series that was accepted before the delete and comes
  // after it is to be dropped. `labels` are canonical bytes.
  bool MatchesLate(uint64_t series_id, std::string_view labels) const;
};

std::string DeleteRecord(const Tombstone& tombstone);
absl::StatusOr<Tombstone> ParseDelete(std::string_view record);

std::string TombstoneRow(const Tombstone& tombstone,
                         const std::set<int32_t>& days);
absl::Status ParseTombstoneRow(std::string_view row, Tombstone& tombstone,
                               std::set<int32_t>& days);

using TombstoneRef = std::shared_ptr<const Tombstone>;
// Never changes; in the order of the log.
using TombstoneList = std::vector<TombstoneRef>;

class Tombstones {
 public:
  // `days`: where blocks may hold what it hides. `saved`: its row is written.
  void Add(Tombstone tombstone, std::set<int32_t> days, bool saved);

  // Never null.
  std::shared_ptr<const TombstoneList> list() const;
  // Of the delete that was accepted last; INT64_MIN before any.
  int64_t newest_accept_ms() const { return newest_accept_ms_; }

  struct Row {
    uint64_t position = 0;
    std::string value;
  };
  // What a flush that cuts now has to write; then Saved(position of the cut).
  std::vector<Row> Unsaved() const;
  void Saved(uint64_t cut_position);

  // Days with something to reclaim: deletes whose lower generations are all in
  // blocks.
  std::set<int32_t> DaysToRewrite() const;
  // The day was rewritten by the rules that `list` was in. Rows to put anew.
  std::vector<Row> Rewritten(int32_t day, const TombstoneList& list);
  // Forgets days that are gone and deletes that have nothing left to do;
  // positions of rows to remove.
  std::vector<uint64_t> Expire(int32_t first_kept_day, int64_t now_ms);

 private:
  struct Progress {
    std::set<int32_t> days;
    bool saved = false;
  };
  mutable base::Mutex mutex_;
  std::shared_ptr<const TombstoneList> list_ GUARDED_BY(mutex_) =
      std::make_shared<TombstoneList>();
  std::map<uint64_t, Progress> progress_ GUARDED_BY(mutex_);  // by position
  std::atomic<int64_t> newest_accept_ms_{INT64_MIN};
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_TOMBSTONE_H_
