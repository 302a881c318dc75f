// Times and intervals as Graphite writes them; all of them are UTC.
//
// Times:     now, today, yesterday, midnight, noon, -1h, now-7days, Unix
//            seconds, 20261120, 11/20/26, 2026-11-20, HH:MM_YYYYMMDD,
//            HH:MM 20261120, RFC 3339.
// Intervals: a sign, a number and a unit: s, min, h, d, w, mon (30 days), y
//            (365 days), also spelt out; several after another are added.
// Errors:    InvalidArgument that shows the text.
// Threads:   free functions without state.
// Source:    graphite.readthedocs.io "The Render URL API", from / until.
#ifndef VARVE_LIB_GRAPHITE_TIME_TEXT_H_
#define VARVE_LIB_GRAPHITE_TIME_TEXT_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace varve::graphite {

// At most model::kTimestampMaxMs.
absl::StatusOr<int64_t> ParseTimeMs(std::string_view text, int64_t now_ms);
absl::StatusOr<int64_t> ParseIntervalMs(std::string_view text);

}  // namespace varve::graphite

#endif  // VARVE_LIB_GRAPHITE_TIME_TEXT_H_
