#include "storage/block/block_writer.h"

#include <algorithm>
#include <span>

#include "lib/base/status.h"
#include "lib/model/time_range.h"
#include "storage/block/segment.h"

namespace varve::storage {

absl::Status BlockWriter::Add(const SeriesKey& key,
                              const model::SampleColumns& columns) {
  if (last_.has_value() && *last_ >= key) {
    return base::Internal("series ", key.series_id, " of metric ",
                          key.metric_id, " out of order after series ",
                          last_->series_id, " of metric ", last_->metric_id);
  }
  last_ = key;
  if (columns.empty()) return absl::OkStatus();
  if (columns.timestamps_ms.front() < 0) {
    return base::Internal("a sample before 1970 reached a block: ",
                          columns.timestamps_ms.front(), " ms");
  }
  key_.clear();
  AppendSeriesKey(key_, key);
  const std::span<const int64_t> times = columns.timestamps_ms;
  const std::span<const double> values = columns.values;
  for (size_t begin = 0; begin < times.size();) {
    const int32_t day = model::DayOf(times[begin]);
    const int64_t day_last_ms = day * model::kDayMs + (model::kDayMs - 1);
    const auto end = static_cast<size_t>(
        std::upper_bound(times.begin() + static_cast<int64_t>(begin),
                         times.end(), day_last_ms) -
        times.begin());
    value_.clear();
    AppendFloatSegments(generation_, times.subspan(begin, end - begin),
                        values.subspan(begin, end - begin), value_);
    RETURN_IF_ERROR(sink_(day, key_, value_));
    bytes_ += static_cast<int64_t>(key_.size() + value_.size());
    begin = end;
  }
  ++series_;
  samples_ += static_cast<int64_t>(columns.size());
  return absl::OkStatus();
}

}  // namespace varve::storage
