// What every server of the calls in methods.h does with a request first.
//
// Threads: free functions without state.
#ifndef VARVE_LIB_WIRE_REQUEST_H_
#define VARVE_LIB_WIRE_REQUEST_H_

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "lib/base/clock.h"
#include "lib/base/status.h"

namespace varve::wire {

// Reads a call's payload as a proto message; InvalidArgument names its type.
template <typename Message>
absl::Status ParseMessage(std::string_view payload, Message& message) {
  if (message.ParseFromArray(payload.data(),
                             static_cast<int>(payload.size()))) {
    return absl::OkStatus();
  }
  return base::InvalidArgument("not a ", message.GetTypeName(), ": ",
                               payload.size(), " bytes");
}

// Far beyond any query; keeps sums within int64.
inline constexpr int64_t kTimeoutMaxMs = int64_t{1} << 50;

// Until when the caller waits, by base::SystemClock().SteadyMs(); `timeout_ms`
// is its request's, from 0 down for ever.
inline int64_t DeadlineOf(int64_t timeout_ms) {
  if (timeout_ms <= 0) return INT64_MAX;
  return base::SystemClock().SteadyMs() + std::min(timeout_ms, kTimeoutMaxMs);
}

}  // namespace varve::wire

#endif  // VARVE_LIB_WIRE_REQUEST_H_
