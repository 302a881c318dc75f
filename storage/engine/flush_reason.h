// Why a head is flushed; flush_triggers.h decides.
#ifndef VARVE_STORAGE_ENGINE_FLUSH_REASON_H_
#define VARVE_STORAGE_ENGINE_FLUSH_REASON_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace varve::storage {

enum class FlushReason : uint8_t {
  kAge,
  kLog,
  kHead,
  kMemory,
  kLateSeries,
  kLateSamples,
  kRetry,
};
inline constexpr size_t kFlushReasons = 7;
// As metrics name them.
inline constexpr const char* kFlushReasonNames[kFlushReasons] = {
    "age",         "log",          "head", "memory",
    "late_series", "late_samples", "retry"};

using FlushCounts = std::array<int64_t, kFlushReasons>;

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_FLUSH_REASON_H_
