#include "storage/head/head_shard.h"

#include <algorithm>
#include <bit>
#include <vector>

namespace varve::storage {
namespace {

bool IsDayOf(int64_t timestamp_ms, int32_t day) {
  const int64_t start_ms = day * model::kDayMs;
  return timestamp_ms >= start_ms && timestamp_ms < start_ms + model::kDayMs;
}

// One stream as a reader has it.
struct DecodedStream {
  StreamCopy copy;
  std::vector<SlotRun> slots;
  std::vector<double> values;
  std::vector<int64_t> timestamps_ms;  // never fall

  // May take the vectors of `out` for its own.
  void AppendInside(const model::TimeRange& range, model::SampleColumns& out) {
    if (out.empty() && range.start_ms <= timestamps_ms.front() &&
        range.end_ms >= timestamps_ms.back()) {
      out.timestamps_ms.swap(timestamps_ms);
      out.values.swap(values);
      return;
    }
    const auto begin = std::lower_bound(timestamps_ms.begin(),
                                        timestamps_ms.end(), range.start_ms);
    const auto end =
        std::upper_bound(begin, timestamps_ms.end(), range.end_ms);
    out.timestamps_ms.insert(out.timestamps_ms.end(), begin, end);
    out.values.insert(out.values.end(),
                      values.begin() + (begin - timestamps_ms.begin()),
                      values.begin() + (end - timestamps_ms.begin()));
  }
};

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
  if (slot == 0) slot = states_.Add() + 1;
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
    result.late_series_full = true;
  }
}

void HeadShard::AppendSeries(uint32_t series, uint64_t series_id,
                             std::span<const int64_t> timestamps_ms,
                             std::span<const double> values,
                             int64_t late_per_series_max,
                             HeadAppendResult& result) {
  StreamState& stream = states_.at(series);
  for (size_t i = 0; i < values.size(); ++i) {
    const int64_t timestamp_ms = timestamps_ms[i];
    const TimeColumns::Placed placed = columns_.Place(stream.next, timestamp_ms);
    if (placed.fit == TimeColumns::Fit::kSameTime &&
        std::bit_cast<uint64_t>(values[i]) == stream.last_bits) {
      ++result.duplicates;
      continue;
    }
    const bool late = placed.fit == TimeColumns::Fit::kLate;
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
      AppendToStream(stream, arena_, placed.slot, values[i]);
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
  StreamState& stream = states_.at(series);
  thread_local DecodedStream decoded;
  CopyStream(stream, arena_, decoded.copy);
  DecodeStream(decoded.copy, decoded.slots, decoded.values);
  columns_.Copy(decoded.slots, decoded.timestamps_ms);
  const auto deleted = std::count_if(
      decoded.timestamps_ms.begin(), decoded.timestamps_ms.end(),
      [&range](int64_t at_ms) { return range.Contains(at_ms); });
  if (deleted == 0) return 0;
  // Its day goes too: the next sample opens it again, as nothing may be left.
  FreeStream(stream, arena_);
  size_t i = 0;
  for (const SlotRun& run : decoded.slots) {
    for (uint32_t k = 0; k < run.samples; ++k, ++i) {
      if (range.Contains(decoded.timestamps_ms[i])) continue;
      AppendToStream(stream, arena_, {run.first.column, run.first.index + k},
                     decoded.values[i]);
    }
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
  // A search reads series after series: the buffers are the thread's.
  thread_local DecodedStream decoded;
  thread_local std::vector<model::Sample> late;
  late.clear();
  bool in_order = false;
  {
    base::MutexLock lock(mutex_);
    const uint32_t series = Find(series_id);
    if (series == kAbsent) return false;
    const StreamState& stream = states_.at(series);
    in_order =
        !stream.empty() && columns_.at({stream.next.column,
                                        stream.next.index - 1}) >=
                               range.start_ms;
    if (in_order) CopyStream(stream, arena_, decoded.copy);
    if (const auto found = late_.find(series); found != late_.end()) {
      for (const model::Sample& sample : found->second) {
        if (range.Contains(sample.timestamp_ms)) late.push_back(sample);
      }
    }
  }
  if (in_order) {
    DecodeStream(decoded.copy, decoded.slots, decoded.values);
    {
      // Entries of columns never change: what the copy names is there still.
      base::MutexLock lock(mutex_);
      columns_.Copy(decoded.slots, decoded.timestamps_ms);
    }
    decoded.AppendInside(range, out);
  }
  for (const model::Sample& sample : late) {
    out.push_back(sample.timestamp_ms, sample.value);
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
  stats.series += states_.size();
  stats.samples += stats_.samples;
  stats.late_samples += stats_.late_samples;
  stats.min_ms = std::min(stats.min_ms, stats_.min_ms);
  stats.max_ms = std::max(stats.max_ms, stats_.max_ms);
  // Vectors that double are three quarters full.
  const size_t late_bytes =
      late_.capacity() * (sizeof(std::pair<uint32_t, std::vector<char>>) + 1) +
      static_cast<size_t>(stats_.late_samples) * sizeof(model::Sample) * 4 / 3;
  stats.bytes += static_cast<int64_t>(
      sizeof(*this) + late_bytes + pages_.capacity() * sizeof(pages_[0]) +
      pages_.size() * sizeof(Page) +
      pages_by_number_.capacity() *
          (sizeof(std::pair<uint64_t, uint32_t>) + 1));
  stats.bytes += states_.bytes() + arena_.bytes() + columns_.bytes();
  stats.time_columns += columns_.size();
}

}  // namespace varve::storage
