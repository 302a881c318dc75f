#include "storage/block/block_writer.h"

#include <algorithm>
#include <span>

#include "lib/base/status.h"
#include "lib/model/time_range.h"
#include "storage/block/segment.h"

namespace varve::storage {

BlockWriter::OpenDay& BlockWriter::DayAt(int32_t day) {
  if (day == last_day_) return *last_open_;
  const auto [at, added] = days_.try_emplace(day);
  if (added) at->second.day.next_column = next_column_(day);
  last_day_ = day;
  last_open_ = &at->second;
  return at->second;
}

absl::Status BlockWriter::Add(const SeriesKey& key,
                              const model::SampleColumns& columns,
                              encoding::ValueHints& hints) {
  if (last_.has_value() && *last_ >= key) {
    return base::Internal("series ", key.series_id, " of metric ",
                          key.metric_id, " out of order after series ",
                          last_->series_id, " of metric ", last_->metric_id);
  }
  if (last_.has_value() && last_->tenant != key.tenant) {
    RETURN_IF_ERROR(WriteColumns(last_->tenant));
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
    const auto end =
        times.back() <= day_last_ms
            ? times.size()
            : static_cast<size_t>(
                  std::upper_bound(times.begin() + static_cast<int64_t>(begin),
                                   times.end(), day_last_ms) -
                  times.begin());
    OpenDay& open = DayAt(day);
    value_.clear();
    AppendFloatSegments(generation_, times.subspan(begin, end - begin),
                        values.subspan(begin, end - begin),
                        {.shared = &open.shared,
                         .next_column = &open.day.next_column,
                         .hints = &hints},
                        value_);
    RETURN_IF_ERROR(sink_(day, key_, value_));
    open.day.samples += static_cast<int64_t>(end - begin);
    bytes_ += static_cast<int64_t>(key_.size() + value_.size());
    begin = end;
  }
  ++series_;
  samples_ += static_cast<int64_t>(columns.size());
  return absl::OkStatus();
}

absl::Status BlockWriter::Finish() {
  if (!last_.has_value()) return absl::OkStatus();
  return WriteColumns(last_->tenant);
}

absl::Status BlockWriter::WriteColumns(const model::TenantId& tenant) {
  for (auto& [day, open] : days_) {
    for (const SharedTimestamps::Column& column : open.shared.Columns()) {
      key_.clear();
      AppendSeriesKey(key_, {tenant, kColumnsMetricId, column.id});
      value_.clear();
      AppendColumnValue(column.timestamps_ms, value_);
      RETURN_IF_ERROR(sink_(day, key_, value_));
      bytes_ += static_cast<int64_t>(key_.size() + value_.size());
    }
    open.shared.Clear();
  }
  return absl::OkStatus();
}

std::map<int32_t, BlockWriter::Day> BlockWriter::Days() const {
  std::map<int32_t, Day> days;
  for (const auto& [day, open] : days_) days[day] = open.day;
  return days;
}

}  // namespace varve::storage
