#include "storage/engine/history_changes.h"

#include <algorithm>

namespace varve::storage {
namespace {

// A change of more days than this counts for all days of its tenant.
constexpr int32_t kDaysOfOneChange = 64;

int32_t DayWithin(int64_t timestamp_ms) {
  return model::DayOf(
      std::clamp<int64_t>(timestamp_ms, 0, model::kTimestampMaxMs));
}

}  // namespace

void HistoryChanges::Add(const model::TenantId& tenant,
                         const model::TimeRange& range) {
  if (range.start_ms > range.end_ms) return;
  const int32_t first = DayWithin(range.start_ms);
  const int32_t last = DayWithin(range.end_ms);
  base::MutexLock lock(mutex_);
  if (days_ + tenants_.size() >= kDaysMax) {
    base_ += added_ + 1;
    added_ = 0;
    days_ = 0;
    tenants_.clear();
    return;
  }
  Counters& counters = tenants_[tenant];
  if (last - first >= kDaysOfOneChange) {
    ++counters.all_days;
    ++added_;
    return;
  }
  for (int32_t day = first; day <= last; ++day) {
    uint64_t& changes = counters.days[day];
    if (changes == 0) ++days_;
    ++changes;
    ++added_;
  }
}

uint64_t HistoryChanges::Of(const model::TenantId& tenant,
                            const model::TimeRange& range) const {
  base::MutexLock lock(mutex_);
  uint64_t changes = base_;
  const auto found = tenants_.find(tenant);
  if (found == tenants_.end()) return changes;
  const Counters& counters = found->second;
  changes += counters.all_days;
  for (auto it = counters.days.lower_bound(DayWithin(range.start_ms));
       it != counters.days.end() && it->first <= DayWithin(range.end_ms);
       ++it) {
    changes += it->second;
  }
  return changes;
}

}  // namespace varve::storage
