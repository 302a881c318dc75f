// Counts changes of what a tenant's past reads as: rows that came late, and
// deletes. Who keeps an answer about the past can tell by equal counts that it
// would be the same today.
//
// Rows of the last minutes are the ordinary ones and are not counted: the past
// ends kSettledMs before now, and between it and kLateMs there is room for a
// clock that is set back.
//
// Memory:  bounded; over kDaysMax counters they become one, which counts a
//          change for everybody.
// Threads: all members from any thread.
#ifndef VARVE_STORAGE_ENGINE_HISTORY_CHANGES_H_
#define VARVE_STORAGE_ENGINE_HISTORY_CHANGES_H_

#include <cstddef>
#include <cstdint>
#include <map>

#include "absl/container/flat_hash_map.h"
#include "lib/base/mutex.h"
#include "lib/model/tenant.h"
#include "lib/model/time_range.h"

namespace varve::storage {

// Rows older than this when they arrive are late.
inline constexpr int64_t kLateMs = 240'000;
inline constexpr int64_t kSettledMs = 300'000;

class HistoryChanges {
 public:
  // Counters, one for each day of a tenant that changed.
  static constexpr size_t kDaysMax = 100'000;

  // Rows of `range` changed. Call it once reads see the change, and before
  // whoever made it is told.
  void Add(const model::TenantId& tenant, const model::TimeRange& range);

  // Grows with each change of the tenant's rows on a day of `range`, and
  // sometimes without one.
  uint64_t Of(const model::TenantId& tenant,
              const model::TimeRange& range) const;

 private:
  struct Counters {
    uint64_t all_days = 0;
    std::map<int32_t, uint64_t> days;
  };

  mutable base::Mutex mutex_;
  // Above every sum of counters that were forgotten.
  uint64_t base_ GUARDED_BY(mutex_) = 0;
  uint64_t added_ GUARDED_BY(mutex_) = 0;
  size_t days_ GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<model::TenantId, Counters> tenants_ GUARDED_BY(mutex_);
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_HISTORY_CHANGES_H_
