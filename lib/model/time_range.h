// A span of time, both ends included.
#ifndef VARVE_LIB_MODEL_TIME_RANGE_H_
#define VARVE_LIB_MODEL_TIME_RANGE_H_

#include <cstdint>

namespace varve::model {

inline constexpr int64_t kDayMs = 86'400'000;
// 2262-04-11, the last day nanosecond clocks can name.
inline constexpr int64_t kTimestampMaxMs = 9'223'372'036'854;

struct TimeRange {
  int64_t start_ms = 0;
  int64_t end_ms = 0;

  bool Contains(int64_t timestamp_ms) const {
    return start_ms <= timestamp_ms && timestamp_ms <= end_ms;
  }
  bool Overlaps(const TimeRange& other) const {
    return start_ms <= other.end_ms && other.start_ms <= end_ms;
  }
  friend bool operator==(const TimeRange&, const TimeRange&) = default;
};

// Days since 1970-01-01, UTC; floors, so that -1 ms is day -1.
constexpr int32_t DayOf(int64_t timestamp_ms) {
  return static_cast<int32_t>(timestamp_ms >= 0
                                  ? timestamp_ms / kDayMs
                                  : (timestamp_ms + 1) / kDayMs - 1);
}

}  // namespace varve::model

#endif  // VARVE_LIB_MODEL_TIME_RANGE_H_
