#include "storage/retention/retention.h"

#include <algorithm>

namespace varve::storage {
namespace {

// Retentions of "100y" reach before 1970; sums must not overflow.
int64_t Before(int64_t now_ms, int64_t age_ms) {
  return std::max<int64_t>(0, now_ms - std::min(age_ms, now_ms));
}

}  // namespace

model::TimeRange AcceptedRange(const RetentionRule& rule, int64_t now_ms) {
  const int64_t age_ms =
      rule.max_backfill_age_ms > 0
          ? std::min(rule.max_backfill_age_ms, rule.retention_ms)
          : rule.retention_ms;
  const int64_t future_ms = std::min(rule.future_retention_ms,
                                     model::kTimestampMaxMs - now_ms);
  return {.start_ms = Before(now_ms, age_ms), .end_ms = now_ms + future_ms};
}

int64_t OldestReadableMs(const RetentionRule& rule, int64_t now_ms) {
  return Before(now_ms, rule.retention_ms);
}

int32_t FirstKeptDay(const RetentionRule& rule, int64_t now_ms) {
  return model::DayOf(OldestReadableMs(rule, now_ms));
}

bool DiskGuard::Observe(int64_t free_bytes) {
  free_bytes_.store(free_bytes, std::memory_order_relaxed);
  const bool was = read_only();
  // A fifth more: a flush or a compaction writes about that much at once.
  const int64_t bound =
      was ? free_bytes_min_ + free_bytes_min_ / 5 : free_bytes_min_;
  const bool is = free_bytes < bound;
  read_only_.store(is, std::memory_order_relaxed);
  return was != is;
}

}  // namespace varve::storage
