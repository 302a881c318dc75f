// Whether work on somebody's behalf should go on: until a deadline, and for as
// long as somebody waits for it. Loops over outside data ask now and then.
//
// Errors:  Cancelled, DeadlineExceeded.
// Threads: as `cancelled` allows; the rest is constant.
#ifndef VARVE_LIB_BASE_ALIVE_H_
#define VARVE_LIB_BASE_ALIVE_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "lib/base/clock.h"
#include "lib/base/status.h"

namespace varve::base {

struct Alive {
  int64_t deadline_steady_ms = INT64_MAX;  // of SystemClock()
  std::function<bool()> cancelled;         // may be empty

  absl::Status Check() const {
    if (cancelled && cancelled()) {
      return Cancelled("nobody waits for the answer any more");
    }
    if (deadline_steady_ms != INT64_MAX &&
        SystemClock().SteadyMs() >= deadline_steady_ms) {
      return DeadlineExceeded("the time for the request is over");
    }
    return absl::OkStatus();
  }
};

// Null stands for: always.
inline absl::Status CheckAlive(const Alive* alive) {
  return alive == nullptr ? absl::OkStatus() : alive->Check();
}

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_ALIVE_H_
