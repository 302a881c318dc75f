// What has expired, and when a full disk makes a node read-only.
//
// A UTC day goes when its last millisecond is out of retention, so that disk
// holds up to a day more than asked; reads are cut at the exact time.
//
// Threads: free functions without state; a DiskGuard from any thread.
#ifndef VARVE_STORAGE_RETENTION_RETENTION_H_
#define VARVE_STORAGE_RETENTION_RETENTION_H_

#include <atomic>
#include <cstdint>

#include "lib/model/time_range.h"

namespace varve::storage {

struct RetentionRule {
  int64_t retention_ms = 0;
  int64_t future_retention_ms = 0;
  int64_t max_backfill_age_ms = 0;  // 0: retention decides
};

// Timestamps an append takes at `now_ms`: from 1970 to 2262 at most.
model::TimeRange AcceptedRange(const RetentionRule& rule, int64_t now_ms);

// The oldest millisecond that reads still give.
int64_t OldestReadableMs(const RetentionRule& rule, int64_t now_ms);

// Days before this one are gone.
int32_t FirstKeptDay(const RetentionRule& rule, int64_t now_ms);

// Turns read-only below a bound and back only well above it, so that a node
// at the bound does not flap and move its load to and fro.
class DiskGuard {
 public:
  explicit DiskGuard(int64_t free_bytes_min)
      : free_bytes_min_(free_bytes_min) {}

  // Tells the free space; true when the state changed.
  bool Observe(int64_t free_bytes);
  bool read_only() const { return read_only_.load(std::memory_order_relaxed); }
  int64_t free_bytes() const {
    return free_bytes_.load(std::memory_order_relaxed);
  }

 private:
  const int64_t free_bytes_min_;
  std::atomic<bool> read_only_{false};
  std::atomic<int64_t> free_bytes_{0};
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_RETENTION_RETENTION_H_
