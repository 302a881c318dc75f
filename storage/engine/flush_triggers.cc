#include "storage/engine/flush_triggers.h"

#include <algorithm>

namespace varve::storage {
namespace {

// A backfill fills late buffers within a second; each flush writes the whole
// head, so that it has to be worth its while. Memory stays bounded by the
// head's bytes.
constexpr int64_t kLateIntervalMs = 10'000;

// Memory that a flush does not give back would ask for one after another.
constexpr int64_t kMemoryIntervalMs = 30'000;
constexpr int64_t kWorthFlushing = 8;  // of the head's bound, one in so many

}  // namespace

int64_t FlushTriggers::IntervalOf(int64_t steady_ms) const {
  const int64_t interval_ms = std::max<int64_t>(1, limits_.interval_ms);
  const auto phase_ms = static_cast<int64_t>(
      limits_.node_id % static_cast<uint64_t>(interval_ms));
  return (steady_ms + phase_ms) / interval_ms;
}

std::optional<FlushReason> FlushTriggers::Due(const FlushLoad& load) const {
  if (load.head_bytes >= limits_.head_bytes_max) return FlushReason::kHead;
  if (load.log_bytes >= limits_.log_bytes_max) return FlushReason::kLog;
  if (last_late_ms_ == INT64_MIN ||
      load.steady_ms - last_late_ms_ >= kLateIntervalMs) {
    for (const FlushReason late :
         {FlushReason::kLateSeries, FlushReason::kLateSamples}) {
      if (IsWanted(late)) return late;
    }
  }
  if (IsWanted(FlushReason::kRetry)) return FlushReason::kRetry;
  if (load.memory_bytes >= limits_.memory_bytes_max &&
      load.head_bytes >= limits_.head_bytes_max / kWorthFlushing &&
      load.steady_ms - last_ms_ >= kMemoryIntervalMs) {
    return FlushReason::kMemory;
  }
  if (IntervalOf(load.steady_ms) != IntervalOf(last_ms_)) {
    return FlushReason::kAge;
  }
  return std::nullopt;
}

void FlushTriggers::Begin(FlushReason reason, int64_t steady_ms) {
  wanted_ = 0;
  last_ms_ = steady_ms;
  if (reason == FlushReason::kLateSeries ||
      reason == FlushReason::kLateSamples) {
    last_late_ms_ = steady_ms;
  }
  ++counts_[Index(reason)];
}

FlushCounts FlushTriggers::counts() const {
  FlushCounts counts{};
  for (size_t i = 0; i < counts.size(); ++i) counts[i] = counts_[i];
  return counts;
}

}  // namespace varve::storage
