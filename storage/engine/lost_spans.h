// Spans of time of which this node lost rows it had acknowledged, kept as
// state records so that answers go on telling it after the damaged log is cut.
//
//   key   := "lost/" and the log position of the loss, 16 hex digits
//   value := start_ms:i64 end_ms:i64, little endian, both ends included
//
// Threads: free functions without state.
#ifndef VARVE_STORAGE_ENGINE_LOST_SPANS_H_
#define VARVE_STORAGE_ENGINE_LOST_SPANS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "lib/model/time_range.h"

namespace varve::storage {

inline constexpr std::string_view kLostStatePrefix = "lost/";

std::string LostStateKey(uint64_t position);
std::string LostStateValue(const model::TimeRange& span);

// Whether a span in `state` overlaps `range`. A span that cannot be read is
// taken for all of time.
bool AnyLost(const std::map<std::string, std::string, std::less<>>& state,
             const model::TimeRange& range);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_LOST_SPANS_H_
