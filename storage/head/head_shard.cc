#include "storage/head/head_shard.h"

#include <algorithm>
#include <vector>

namespace varve::storage {
namespace {

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

HeadShard::Page& HeadShard::PageAt(uint64_t number) {
  const auto [found, added] = pages_by_number_.try_emplace(
      number, static_cast<uint32_t>(pages_.size()));
  if (added) pages_.push_back(std::make_unique<Page>());
  return *pages_[found->second];
}

uint32_t HeadShard::Find(uint64_t series_id) const {
  const auto found = pages_by_number_.find(series_id / kPageIds);
  if (found == pages_by_number_.end()) return kAbsent;
  const uint32_t slot = (*pages_[found->second])[series_id % kPageIds];
  return slot == 0 ? kAbsent : slot - 1;
}

void HeadShard::FetchAfter(uint32_t series) const {
  if (series + 2 >= states_.size()) return;
  __builtin_prefetch(&states_.at(series + 2));
  const StreamState& next = states_.at(series + 1);
  if (next.first_block == kNoBlock) return;
  __builtin_prefetch(&arena_.at(next.first_block));
  __builtin_prefetch(&arena_.at(next.tail_block));
}

void HeadShard::AppendLate(uint32_t series, model::Sample sample,
                           Batch& batch) {
  std::vector<model::Sample>& buffer = late_[series];
  buffer.push_back(sample);
  ++stats_.late_samples;
  ++batch.result.late;
  if (static_cast<int64_t>(buffer.size()) >= batch.late_per_series_max) {
    batch.result.late_series_full = true;
  }
}

[[gnu::noinline]] void HeadShard::NextTimestamp(int64_t timestamp_ms,
                                                Batch& batch) {
  batch.timestamp_ms = timestamp_ms;
  batch.day = model::DayOf(timestamp_ms);
  // A duplicate has been here: it moves neither.
  stats_.min_ms = std::min(stats_.min_ms, timestamp_ms);
  stats_.max_ms = std::max(stats_.max_ms, timestamp_ms);
}

// Not inlined, nor is NextTimestamp: the registers are the usual row's.
[[gnu::noinline]] void HeadShard::AppendElsewhere(
    uint32_t series, uint64_t series_id, int64_t timestamp_ms,
    const encoding::ScaledValue& value, Batch& batch) {
  StreamState& stream = states_.at(series);
  const TimeColumns::Placed placed = columns_.Place(stream.next, timestamp_ms);
  if (placed.fit == TimeColumns::Fit::kSameTime && stream.EndsWith(value)) {
    ++batch.duplicates;
    return;
  }
  const bool late = placed.fit == TimeColumns::Fit::kLate;
  if (batch.day != stream.day) {
    OpenDay(series_id, batch.day, batch.result);
    if (!late) stream.day = batch.day;
  }
  if (late) {
    AppendLate(series, {timestamp_ms, encoding::FromScaled(value)}, batch);
  } else {
    AppendToStream(stream, arena_, placed.slot, value);
  }
}

void HeadShard::Append(const HeadRows& rows, std::span<const PageRun> mine,
                       int64_t late_per_series_max, HeadAppendResult& result) {
  base::MutexLock lock(mutex_);
  Batch batch = {.late_per_series_max = late_per_series_max,
                 .result = result,
                 .timestamp_ms = std::nullopt};
  int64_t stored = 0;
  for (const PageRun& run : mine) {
    Page& page = PageAt(run.page);
    const HeadRows in = rows;  // so that no store below may change them
    uint32_t row = run.first_row;
    for (uint32_t i = run.begin; i < run.end; ++i) {
      const uint32_t end = row + in.counts[i];
      if (row == end) continue;
      const uint64_t series_id = in.series_ids[i];
      uint32_t& slot = page[series_id % kPageIds];
      if (slot == 0) slot = states_.Add() + 1;
      const uint32_t series = slot - 1;
      StreamState& stream = states_.at(series);
      for (; row < end; ++row) {
        const int64_t timestamp_ms = in.timestamps_ms[row];
        if (timestamp_ms != batch.timestamp_ms) {
          NextTimestamp(timestamp_ms, batch);
        }
        if (columns_.IsRecent(stream.next, timestamp_ms) &&
            stream.day == batch.day) {
          AppendNext(stream, arena_, in.values[row]);
        } else {
          AppendElsewhere(series, series_id, timestamp_ms, in.values[row],
                          batch);
        }
      }
    }
    stored += row - run.first_row;
  }
  stored -= batch.duplicates;
  result.stored += stored;
  result.duplicates += batch.duplicates;
  stats_.samples += stored;
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
                     encoding::ToScaled(decoded.values[i], stream.scale));
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
    FetchAfter(series);
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

// Only a block knows the next one, so that reading a series waits for memory
// once a block. Here the first blocks of all series come together, then the
// second ones, and so on.
void HeadShard::Prefetch(std::span<const uint64_t> series_ids) const {
  struct Chain {
    uint32_t block;
    uint32_t tail;
  };
  std::vector<Chain> chains;
  base::MutexLock lock(mutex_);
  for (const uint64_t id : series_ids) {
    const uint32_t series = Find(id);
    if (series == kAbsent) continue;
    const StreamState& stream = states_.at(series);
    if (stream.first_block == kNoBlock) continue;
    chains.push_back({stream.first_block, stream.tail_block});
  }
  while (!chains.empty()) {
    size_t left = 0;
    for (const Chain& chain : chains) {
      const uint32_t next = arena_.at(chain.block).next;
      if (chain.block != chain.tail) chains[left++] = {next, chain.tail};
    }
    chains.resize(left);
  }
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
