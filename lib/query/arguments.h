// Arguments of query requests: times, durations, booleans, numbers.
//
// Times: Unix seconds, milliseconds, microseconds or nanoseconds (told apart
// by size), RFC 3339 whole or in part (2026-11, 2026-11-20T12:30), now,
// now-1h, -1h. Durations: seconds as a number, 5m, 1h30m, 86399ms, 1.5h.
//
// Errors:  InvalidArgument that names the argument and its value.
// Threads: free functions without state.
// Source:  prometheus.io/docs/prometheus/latest/querying/api for the names.
#ifndef VARVE_LIB_QUERY_ARGUMENTS_H_
#define VARVE_LIB_QUERY_ARGUMENTS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/model/time_range.h"
#include "net/http/server.h"

namespace varve::query {

// Milliseconds; beyond what int64 nanoseconds can name it is cut to that.
absl::StatusOr<int64_t> ParseTimeMs(std::string_view text, int64_t now_ms);
absl::StatusOr<int64_t> ParseDurationArgMs(std::string_view text);

// An absent or empty argument gives `default_value`.
absl::StatusOr<int64_t> TimeArgument(const http::Request& request,
                                     std::string_view name, int64_t now_ms,
                                     int64_t default_value);
absl::StatusOr<int64_t> DurationArgument(const http::Request& request,
                                         std::string_view name,
                                         int64_t default_value);
absl::StatusOr<int64_t> IntArgument(const http::Request& request,
                                    std::string_view name,
                                    int64_t default_value);
// False: absent, "", 0, f, false, no, in any case.
bool BoolArgument(const http::Request& request, std::string_view name);

// start and end: `end` defaults to now, `start` to `default_range_ms` before
// it; a start after the end moves the end to five minutes after the start.
absl::StatusOr<model::TimeRange> RangeArguments(const http::Request& request,
                                                int64_t now_ms,
                                                int64_t default_range_ms);

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_ARGUMENTS_H_
