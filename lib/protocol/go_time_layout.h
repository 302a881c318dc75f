// Layouts of times as Go's time package writes them, and so VictoriaMetrics'
// formats of columns: the moment Mon Jan 2 15:04:05 MST 2006, written the way
// that times are.
//
// Errors:  InvalidArgument.
// Threads: free functions without state.
// Source:  Go's package time, "Constants".
#ifndef VARVE_LIB_PROTOCOL_GO_TIME_LAYOUT_H_
#define VARVE_LIB_PROTOCOL_GO_TIME_LAYOUT_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace varve::protocol {

// The layout for absl::ParseTime. Days of the year are not supported; the
// names of zones are passed over.
absl::StatusOr<std::string> ParseLayoutOfGo(std::string_view layout);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_GO_TIME_LAYOUT_H_
