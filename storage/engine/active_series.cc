#include "storage/engine/active_series.h"

#include <utility>

#include "lib/model/time_range.h"

namespace varve::storage {
namespace {

constexpr int64_t kHourMs = 3'600'000;

// Ids come in the order they were made, so that most share a word of a set
// with the one before.
template <typename Fn>
void ForEachWord(std::span<const uint64_t> ids, const Fn& fn) {
  for (size_t i = 0; i < ids.size();) {
    const uint64_t word = ids[i] / 64;
    uint64_t bits = 0;
    for (; i < ids.size() && ids[i] / 64 == word; ++i) {
      bits |= uint64_t{1} << ids[i] % 64;
    }
    fn(word, bits);
  }
}

}  // namespace

void ActiveSeries::Roll(int64_t now_ms) {
  const int64_t hour = now_ms / kHourMs;
  const int64_t day = now_ms / model::kDayMs;
  if (hour != hour_.number) {
    hour_ = Span{.number = hour};
    settled_.Clear();
  }
  if (day != day_.number) day_ = Span{.number = day};
}

void ActiveSeries::Mark(const model::TenantId& tenant,
                        std::span<const uint64_t> ids) {
  int64_t new_in_hour = 0;
  int64_t new_in_day = 0;
  ForEachWord(ids, [&](uint64_t word, uint64_t bits) {
    bits = settled_.AddWord(word, bits);
    if (bits == 0) return;
    (void)used_.AddWord(word, bits);
    new_in_hour += std::popcount(hour_.ids.AddWord(word, bits));
    if (limits_.counts_days()) {
      new_in_day += std::popcount(day_.ids.AddWord(word, bits));
    }
  });
  if (new_in_hour > 0 && limits_.hourly_per_tenant != 0) {
    hour_.by_tenant[tenant] += new_in_hour;
  }
  if (new_in_day > 0 && limits_.daily_per_tenant != 0) {
    day_.by_tenant[tenant] += new_in_day;
  }
}

void ActiveSeries::MarkWritten(const model::TenantId& tenant, int64_t now_ms,
                               std::span<const uint64_t> ids) {
  base::MutexLock lock(mutex_);
  Roll(now_ms);
  Mark(tenant, ids);
}

void ActiveSeries::MarkUsed(std::span<const uint64_t> ids) {
  base::MutexLock lock(mutex_);
  ForEachWord(ids, [this](uint64_t word, uint64_t bits) {
    (void)used_.AddWord(word, bits);
  });
}

bool ActiveSeries::Full(const Span& span, const model::TenantId& tenant,
                        int64_t limit, int64_t tenant_limit) {
  if (limit > 0 && span.ids.count() + span.reserved >= limit) return true;
  if (tenant_limit <= 0) return false;
  const auto counted = span.by_tenant.find(tenant);
  const auto reserved = span.reserved_by_tenant.find(tenant);
  return (counted == span.by_tenant.end() ? 0 : counted->second) +
             (reserved == span.reserved_by_tenant.end() ? 0
                                                        : reserved->second) >=
         tenant_limit;
}

model::Refusal ActiveSeries::AdmitNew(const model::TenantId& tenant,
                                      int64_t now_ms) {
  base::MutexLock lock(mutex_);
  Roll(now_ms);
  if (Full(hour_, tenant, limits_.hourly, limits_.hourly_per_tenant)) {
    return model::Refusal::kHourlyLimit;
  }
  if (Full(day_, tenant, limits_.daily, limits_.daily_per_tenant)) {
    return model::Refusal::kDailyLimit;
  }
  for (Span* const span : {&hour_, &day_}) {
    ++span->reserved;
    ++span->reserved_by_tenant[tenant];
  }
  return model::Refusal::kNone;
}

model::Refusal ActiveSeries::AdmitKnown(const model::TenantId& tenant,
                                        int64_t now_ms, uint64_t id) {
  base::MutexLock lock(mutex_);
  Roll(now_ms);
  if (!hour_.ids.Has(id) &&
      Full(hour_, tenant, limits_.hourly, limits_.hourly_per_tenant)) {
    return model::Refusal::kHourlyLimit;
  }
  if (!day_.ids.Has(id) &&
      Full(day_, tenant, limits_.daily, limits_.daily_per_tenant)) {
    return model::Refusal::kDailyLimit;
  }
  Mark(tenant, std::span(&id, 1));
  return model::Refusal::kNone;
}

void ActiveSeries::DropReserved() {
  base::MutexLock lock(mutex_);
  for (Span* const span : {&hour_, &day_}) {
    span->reserved = 0;
    span->reserved_by_tenant.clear();
  }
}

void ActiveSeries::CountDropped(model::Refusal why, int64_t rows) {
  base::MutexLock lock(mutex_);
  dropped_[static_cast<size_t>(why)] += rows;
}

void ActiveSeries::BeginCut() {
  base::MutexLock lock(mutex_);
  settled_.Clear();
  if (used_before_.count() == 0) {
    used_before_ = std::exchange(used_, {});
    return;
  }
  // The last cut did not end: its flush failed. Both are needed; `used_`
  // simply goes on, which keeps some series a cut longer than needed.
}

void ActiveSeries::EndCut() {
  base::MutexLock lock(mutex_);
  used_before_.Clear();
}

bool ActiveSeries::UsedSinceCut(uint64_t id) const {
  base::MutexLock lock(mutex_);
  return used_.Has(id) || used_before_.Has(id);
}

int64_t ActiveSeries::in_hour(int64_t now_ms) const {
  base::MutexLock lock(mutex_);
  return now_ms / kHourMs == hour_.number ? hour_.ids.count() : 0;
}

int64_t ActiveSeries::in_day(int64_t now_ms) const {
  base::MutexLock lock(mutex_);
  return now_ms / model::kDayMs == day_.number ? day_.ids.count() : 0;
}

int64_t ActiveSeries::dropped(model::Refusal why) const {
  base::MutexLock lock(mutex_);
  return dropped_[static_cast<size_t>(why)];
}

}  // namespace varve::storage
