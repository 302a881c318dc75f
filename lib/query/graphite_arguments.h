// Arguments that the endpoints of Graphite's API have in common.
//
// Errors:  InvalidArgument that names the argument and its value.
// Threads: free functions without state.
#ifndef VARVE_LIB_QUERY_GRAPHITE_ARGUMENTS_H_
#define VARVE_LIB_QUERY_GRAPHITE_ARGUMENTS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "net/http/server.h"

namespace varve::query {

// As Graphite writes times (lib/graphite/time_text.h), or as our own API does.
absl::StatusOr<int64_t> GraphiteTime(const http::Request& request,
                                     std::string_view name, int64_t now_ms,
                                     int64_t default_ms);

// An answer of more names, paths or values than it may have.
absl::Status TooManyItems(int64_t items_max);

// The function that a browser is to call with the answer; "" for none. A name:
// what else it were would run in the page.
absl::StatusOr<std::string> JsonpArgument(const http::Request& request);

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_GRAPHITE_ARGUMENTS_H_
