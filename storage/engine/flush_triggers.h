// When the head is to be flushed, and how often each reason was the one.
//
//   age            once in each interval, at a moment that differs between
//                  nodes, so that they do not all write at once
//   log, head      the log's or the active generation's bytes at their bound
//   memory         the process near its memory limit, with a head worth
//                  flushing
//   late_series,   a late buffer, or all of them, at their bound; nothing is
//   late_samples   refused meanwhile
//   retry          the last one failed
//
// Threads: all members from any thread; Due and Flushed by one at a time.
#ifndef VARVE_STORAGE_ENGINE_FLUSH_TRIGGERS_H_
#define VARVE_STORAGE_ENGINE_FLUSH_TRIGGERS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "storage/engine/flush_reason.h"

namespace varve::storage {

struct FlushLimits {
  int64_t interval_ms = 0;
  uint64_t node_id = 0;  // gives the moment within the interval
  int64_t head_bytes_max = 0;
  int64_t log_bytes_max = 0;
  int64_t memory_bytes_max = 0;
};

struct FlushLoad {
  int64_t steady_ms = 0;
  int64_t head_bytes = 0;  // of the active generation
  int64_t log_bytes = 0;
  int64_t memory_bytes = 0;  // of the process
};

class FlushTriggers {
 public:
  explicit FlushTriggers(const FlushLimits& limits) : limits_(limits) {}

  // As if a flush had been then.
  void Start(int64_t steady_ms) { last_ms_ = steady_ms; }
  // A flush is due for this reason, soon if not at once.
  void Want(FlushReason reason) { wanted_ |= 1u << Index(reason); }
  // Nothing before the reason is one.
  std::optional<FlushReason> Due(const FlushLoad& load) const;
  // A flush that Due asked for begins: forgets what was wanted, and counts.
  void Begin(FlushReason reason, int64_t steady_ms);
  FlushCounts counts() const;

 private:
  static size_t Index(FlushReason reason) {
    return static_cast<size_t>(reason);
  }
  bool IsWanted(FlushReason reason) const {
    return (wanted_ >> Index(reason) & 1) != 0;
  }
  int64_t IntervalOf(int64_t steady_ms) const;

  const FlushLimits limits_;
  std::atomic<uint32_t> wanted_{0};
  std::atomic<int64_t> last_ms_{0};
  std::atomic<int64_t> last_late_ms_{INT64_MIN};
  std::array<std::atomic<int64_t>, kFlushReasons> counts_{};
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_FLUSH_TRIGGERS_H_
