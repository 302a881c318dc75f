// The time, as something tests can set.
//
// Threads: all members may be called from any thread.
#ifndef VARVE_LIB_BASE_CLOCK_H_
#define VARVE_LIB_BASE_CLOCK_H_

#include <atomic>
#include <cstdint>

namespace varve::base {

class Clock {
 public:
  virtual ~Clock() = default;
  // Unix milliseconds; may jump when the machine's clock is set.
  virtual int64_t NowMs() const = 0;
  // Milliseconds since some start; never goes back. For durations.
  virtual int64_t SteadyMs() const = 0;
};

// The machine's clock; lives for ever.
const Clock& SystemClock();

class ManualClock final : public Clock {
 public:
  explicit ManualClock(int64_t now_ms) : now_ms_(now_ms) {}
  int64_t NowMs() const override { return now_ms_.load(); }
  int64_t SteadyMs() const override { return now_ms_.load(); }
  void Advance(int64_t ms) { now_ms_ += ms; }
  void Set(int64_t now_ms) { now_ms_ = now_ms; }

 private:
  std::atomic<int64_t> now_ms_;
};

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_CLOCK_H_
