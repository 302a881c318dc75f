#include "storage/head/head_shard.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <string>

namespace varve::storage {
namespace {

constexpr model::TimeRange kAllTime = {std::numeric_limits<int64_t>::min(),
                                       std::numeric_limits<int64_t>::max()};

bool IsDayOf(int64_t timestamp_ms, int32_t day) {
  const int64_t start_ms = day * model::kDayMs;
  return timestamp_ms >= start_ms && timestamp_ms < start_ms + model::kDayMs;
}

// Backfills open the same day row after row.
void OpenDay(uint64_t series_id, int32_t day, HeadAppendResult& result) {
  const SeriesDay opened{series_id, day};
  if (result.opened_days.empty() || result.opened_days.back() != opened) {
    result.opened_days.push_back(opened);
  }
}

}  // namespace

uint32_t HeadShard::FindOrAdd(uint64_t series_id) {
  const uint64_t number = series_id / kPageIds;
  if (number != last_number_ || last_page_ == nullptr) {
    const auto [found, added] = pages_by_number_.try_emplace(
        number, static_cast<uint32_t>(pages_.size()));
    if (added) pages_.push_back(std::make_unique<Page>());
    last_number_ = number;
    last_page_ = pages_[found->second].get();
  }
  uint32_t& slot = (*last_page_)[series_id % kPageIds];
  if (slot == 0) {
    if (series_ % kSlabStates == 0) {
      states_.push_back(std::make_unique<StreamState[]>(kSlabStates));
    }
    slot = ++series_;
  }
  return slot - 1;
}

uint32_t HeadShard::Find(uint64_t series_id) const {
  const auto found = pages_by_number_.find(series_id / kPageIds);
  if (found == pages_by_number_.end()) return kAbsent;
  const uint32_t slot = (*pages_[found->second])[series_id % kPageIds];
  return slot == 0 ? kAbsent : slot - 1;
}

void HeadShard::AppendLate(uint32_t series, model::Sample sample,
                           int64_t late_per_series_max,
                           HeadAppendResult& result) {
  std::vector<model::Sample>& buffer = late_[series];
  buffer.push_back(sample);
  ++stats_.late_samples;
  ++result.late;
  if (static_cast<int64_t>(buffer.size()) >= late_per_series_max) {
    result.flush_wanted = true;
  }
}

void HeadShard::AppendSeries(uint32_t series, uint64_t series_id,
                             std::span<const int64_t> timestamps_ms,
                             std::span<const double> values,
                             int64_t late_per_series_max,
                             HeadAppendResult& result) {
  StreamState& stream = state(series);
  for (size_t i = 0; i < values.size(); ++i) {
    const int64_t timestamp_ms = timestamps_ms[i];
    const bool first = stream.samples == 0;
    if (!first && timestamp_ms == stream.last_ms &&
        std::bit_cast<uint64_t>(values[i]) == stream.last_bits) {
      ++result.duplicates;
      continue;
    }
    const bool late = (!first && timestamp_ms < stream.last_ms) ||
                      timestamp_ms >= kStreamTimestampMax ||
                      timestamp_ms <= -kStreamTimestampMax;
    if (!IsDayOf(timestamp_ms, stream.day)) {
      const int32_t day = model::DayOf(timestamp_ms);
      OpenDay(series_id, day, result);
      if (!late) stream.day = day;
    }
    ++result.stored;
    ++stats_.samples;
    stats_.min_ms = std::min(stats_.min_ms, timestamp_ms);
    stats_.max_ms = std::max(stats_.max_ms, timestamp_ms);
    if (late) {
      AppendLate(series, {timestamp_ms, values[i]}, late_per_series_max,
                 result);
    } else {
      AppendToStream(stream, arena_, timestamp_ms, values[i]);
    }
  }
}

void HeadShard::Append(const HeadRows& rows, std::span<const SeriesRows> mine,
                       int64_t late_per_series_max, HeadAppendResult& result) {
  base::MutexLock lock(mutex_);
  for (const SeriesRows& one : mine) {
    const uint32_t count = rows.counts[one.series];
    if (count == 0) continue;
    const uint64_t series_id = rows.series_ids[one.series];
    AppendSeries(FindOrAdd(series_id), series_id,
                 rows.timestamps_ms.subspan(one.first_row, count),
                 rows.values.subspan(one.first_row, count), late_per_series_max,
                 result);
  }
}

int64_t HeadShard::DeleteInOrder(uint32_t series,
                                 const model::TimeRange& range) {
  StreamState& stream = state(series);
  thread_local std::string bytes;
  thread_local model::SampleColumns samples;
  samples.clear();
  CopyStream(stream, arena_, bytes);
  DecodeStream(stream, bytes, range, samples);
  if (samples.empty()) return 0;
  const auto deleted = static_cast<int64_t>(samples.size());
  samples.clear();
  DecodeStream(stream, bytes, kAllTime, samples);
  FreeStream(stream, arena_);
  // The next sample opens its day again: nothing may be left on it.
  stream.day = std::numeric_limits<int32_t>::min();
  for (size_t i = 0; i < samples.size(); ++i) {
    if (range.Contains(samples.timestamps_ms[i])) continue;
    AppendToStream(stream, arena_, samples.timestamps_ms[i], samples.values[i]);
  }
  return deleted;
}

int64_t HeadShard::DeleteLate(uint32_t series, const model::TimeRange& range) {
  const auto found = late_.find(series);
  if (found == late_.end()) return 0;
  const auto deleted = static_cast<int64_t>(
      std::erase_if(found->second, [&range](const model::Sample& sample) {
        return range.Contains(sample.timestamp_ms);
      }));
  if (found->second.empty()) late_.erase(found);
  stats_.late_samples -= deleted;
  return deleted;
}

void HeadShard::Delete(uint64_t series_id, const model::TimeRange& range,
                       HeadDeleteResult& result) {
  base::MutexLock lock(mutex_);
  const uint32_t series = Find(series_id);
  if (series == kAbsent) return;
  const int64_t late = DeleteLate(series, range);
  const int64_t samples = DeleteInOrder(series, range) + late;
  stats_.samples -= samples;
  result.samples += samples;
  result.late += late;
}

bool HeadShard::Read(uint64_t series_id, const model::TimeRange& range,
                     model::SampleColumns& out) const {
  StreamState stream;
  // A search reads series after series: the buffer is the thread's.
  thread_local std::string bytes;
  thread_local std::vector<model::Sample> late;
  late.clear();
  {
    base::MutexLock lock(mutex_);
    const uint32_t series = Find(series_id);
    if (series == kAbsent) return false;
    stream = state(series);
    CopyStream(stream, arena_, bytes);
    if (const auto found = late_.find(series); found != late_.end()) {
      late = found->second;
    }
  }
  DecodeStream(stream, bytes, range, out);
  for (const model::Sample& sample : late) {
    if (range.Contains(sample.timestamp_ms)) {
      out.push_back(sample.timestamp_ms, sample.value);
    }
  }
  return true;
}

void HeadShard::AppendSeriesIds(std::vector<uint64_t>& ids) const {
  base::MutexLock lock(mutex_);
  for (const auto& [number, index] : pages_by_number_) {
    const Page& page = *pages_[index];
    for (uint64_t i = 0; i < kPageIds; ++i) {
      if (page[i] != 0) ids.push_back(number * kPageIds + i);
    }
  }
}

void HeadShard::AddStats(HeadStats& stats) const {
  base::MutexLock lock(mutex_);
  stats.series += series_;
  stats.samples += stats_.samples;
  stats.late_samples += stats_.late_samples;
  stats.min_ms = std::min(stats.min_ms, stats_.min_ms);
  stats.max_ms = std::max(stats.max_ms, stats_.max_ms);
  const size_t late_bytes =
      late_.capacity() * (sizeof(std::pair<uint32_t, std::vector<char>>) + 1) +
      static_cast<size_t>(stats_.late_samples) * sizeof(model::Sample);
  stats.bytes += static_cast<int64_t>(
      sizeof(*this) + late_bytes + pages_.capacity() * sizeof(pages_[0]) +
      pages_.size() * sizeof(Page) +
      pages_by_number_.capacity() *
          (sizeof(std::pair<uint64_t, uint32_t>) + 1) +
      states_.size() * kSlabStates * sizeof(StreamState));
  stats.bytes += arena_.bytes();
}

}  // namespace varve::storage
