#include "storage/head/head_tail.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <span>

namespace varve::storage {
namespace {

void AppendInside(const model::SampleColumns& samples,
                  const model::TimeRange& range, model::SampleColumns& out) {
  for (size_t i = 0; i < samples.size(); ++i) {
    if (!range.Contains(samples.timestamps_ms[i])) continue;
    out.push_back(samples.timestamps_ms[i], samples.values[i]);
  }
}

}  // namespace

void HeadTail::Add(uint64_t series_id, const model::SampleColumns& samples) {
  assert(entries_.empty() || entries_.back().series_id < series_id);
  thread_local BlockArena arena;
  thread_local StreamCopy copy;
  StreamState stream;
  for (size_t i = 0; i < samples.size(); ++i) {
    const TimeColumns::Placed placed =
        columns_.Place(stream.next, samples.timestamps_ms[i]);
    AppendToStream(stream, arena, placed.slot, samples.values[i]);
  }
  EndRun(stream, arena);
  CopyStream(stream, arena, copy);
  FreeStream(stream, arena);
  max_ms_ = std::max(max_ms_, samples.timestamps_ms.back());
  entries_.push_back({series_id, static_cast<uint32_t>(words_.size()),
                      static_cast<uint32_t>(copy.bits)});
  const size_t words = (copy.bits + 31) / 32;
  words_.insert(words_.end(), copy.words.begin(),
                copy.words.begin() + static_cast<ptrdiff_t>(words));
}

void HeadTail::Decode(const Entry& entry, model::SampleColumns& samples) const {
  thread_local StreamCopy copy;
  thread_local std::vector<SlotRun> slots;
  copy.bits = entry.bits;
  copy.run = 0;
  const auto first = words_.begin() + entry.first_word;
  copy.words.assign(first, first + (entry.bits + 31) / 32);
  PadStream(copy);
  DecodeStream(copy, slots, samples.values);
  columns_.Copy(slots, samples.timestamps_ms);
}

bool HeadTail::Read(uint64_t series_id, const model::TimeRange& range,
                    model::SampleColumns& out) const {
  const auto entry = std::lower_bound(
      entries_.begin(), entries_.end(), series_id,
      [](const Entry& a, uint64_t id) { return a.series_id < id; });
  if (entry == entries_.end() || entry->series_id != series_id) return false;
  thread_local model::SampleColumns samples;
  Decode(*entry, samples);
  AppendInside(samples, range, out);
  return true;
}

HeadTail HeadTail::From(int64_t from_ms) const {
  HeadTail left(generation_);
  model::SampleColumns samples;
  model::SampleColumns kept;
  for (const Entry& entry : entries_) {
    Decode(entry, samples);
    kept.clear();
    AppendInside(samples, {from_ms, std::numeric_limits<int64_t>::max()},
                 kept);
    if (!kept.empty()) left.Add(entry.series_id, kept);
  }
  return left;
}

int64_t HeadTail::bytes() const {
  return static_cast<int64_t>(sizeof(*this) +
                              entries_.capacity() * sizeof(Entry) +
                              words_.capacity() * sizeof(uint32_t)) +
         columns_.bytes();
}

}  // namespace varve::storage
