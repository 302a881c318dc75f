#include "storage/engine/lost_spans.h"

#include "absl/strings/str_cat.h"
#include "lib/base/byte_coding.h"
#include "lib/base/status.h"

namespace varve::storage {

std::string LostStateKey(uint64_t position) {
  return base::StrCat(kLostStatePrefix, absl::Hex(position, absl::kZeroPad16));
}

std::string LostStateValue(const model::TimeRange& span) {
  std::string value;
  base::PutFixedLe<int64_t>(value, span.start_ms);
  base::PutFixedLe<int64_t>(value, span.end_ms);
  return value;
}

bool AnyLost(const std::map<std::string, std::string, std::less<>>& state,
             const model::TimeRange& range) {
  for (auto it = state.lower_bound(kLostStatePrefix);
       it != state.end() && it->first.starts_with(kLostStatePrefix); ++it) {
    base::ByteReader reader(it->second);
    model::TimeRange span;
    span.start_ms = reader.FixedLe<int64_t>();
    span.end_ms = reader.FixedLe<int64_t>();
    if (!reader.AtEnd() || span.Overlaps(range)) return true;
  }
  return false;
}

}  // namespace varve::storage
