// Holds a worker back to so many bytes a second.
//
// Threads: belongs to the worker's.
#ifndef VARVE_LIB_REPAIR_BYTE_RATE_H_
#define VARVE_LIB_REPAIR_BYTE_RATE_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/base/status.h"
#include "lib/repair/worker.h"

namespace varve::repair {

class ByteRate {
 public:
  // 0: no bound.
  explicit ByteRate(int64_t bytes_per_second)
      : bytes_per_second_(bytes_per_second) {}

  // Sleeps for as long as `bytes` may take; Cancelled when the worker stops.
  absl::Status Spend(Worker& worker, size_t bytes) {
    if (bytes_per_second_ == 0) return absl::OkStatus();
    // A sleep has whole milliseconds, a few bytes less than one.
    owed_ += absl::Seconds(static_cast<double>(bytes) /
                           static_cast<double>(bytes_per_second_));
    const absl::Duration due = absl::Floor(owed_, absl::Milliseconds(1));
    owed_ -= due;
    return worker.Sleep(due) ? absl::OkStatus()
                             : base::Cancelled("the node is stopping");
  }

 private:
  const int64_t bytes_per_second_;
  absl::Duration owed_;
};

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_BYTE_RATE_H_
