#include "storage/head/head_tail.h"

#include <algorithm>
#include <limits>

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

// The first slot of a run of them, or kNoColumn where two are equal: a column
// has no place for that.
TimeSlot HeadTailBuilder::PlaceRun(std::span<const int64_t> timestamps_ms) {
  if (std::adjacent_find(timestamps_ms.begin(), timestamps_ms.end()) !=
      timestamps_ms.end()) {
    return {};
  }
  const base::Hash128 hash =
      hash_({reinterpret_cast<const char*>(timestamps_ms.data()),
             timestamps_ms.size_bytes()});
  const auto [found, added] = columns_.try_emplace(hash);
  if (added) found->second = tail_.columns_.AddColumn(timestamps_ms);
  return {found->second, 0};
}

void HeadTailBuilder::Add(uint64_t series_id,
                          const model::SampleColumns& samples) {
  const auto begin = static_cast<size_t>(
      std::lower_bound(samples.timestamps_ms.begin(),
                       samples.timestamps_ms.end(), from_ms_) -
      samples.timestamps_ms.begin());
  if (begin == samples.size() || over()) return;
  const auto times = std::span(samples.timestamps_ms).subspan(begin);
  const auto values = std::span(samples.values).subspan(begin);
  thread_local BlockArena arena;
  thread_local StreamCopy copy;
  StreamState stream;
  TimeSlot slot = PlaceRun(times);
  const bool shared = slot.column != kNoColumn;
  for (size_t i = 0; i < times.size(); ++i) {
    if (!shared) slot = tail_.columns_.Place(stream.next, times[i]).slot;
    AppendToStream(stream, arena, slot,
                   encoding::ToScaled(values[i], stream.scale));
    ++slot.index;
  }
  EndRun(stream, arena);
  CopyStream(stream, arena, copy);
  FreeStream(stream, arena);
  std::vector<uint32_t>& words = tail_.words_;
  tail_.max_ms_ = std::max(tail_.max_ms_, times.back());
  tail_.entries_.push_back({series_id, static_cast<uint32_t>(words.size()),
                            static_cast<uint32_t>(copy.bits)});
  words.insert(words.end(), copy.words.begin(),
               copy.words.begin() + static_cast<ptrdiff_t>(copy.bits + 31) / 32);
}

HeadTail HeadTailBuilder::Finish() {
  std::stable_sort(tail_.entries_.begin(), tail_.entries_.end(),
                   [](const HeadTail::Entry& a, const HeadTail::Entry& b) {
                     return a.series_id < b.series_id;
                   });
  return std::move(tail_);
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
  auto entry = std::lower_bound(
      entries_.begin(), entries_.end(), series_id,
      [](const Entry& a, uint64_t id) { return a.series_id < id; });
  bool found = false;
  thread_local model::SampleColumns samples;
  for (; entry != entries_.end() && entry->series_id == series_id; ++entry) {
    Decode(*entry, samples);
    AppendInside(samples, range, out);
    found = true;
  }
  return found;
}

HeadTail HeadTail::From(int64_t from_ms) const {
  HeadTailBuilder left(generation_, from_ms,
                       std::numeric_limits<int64_t>::max());
  model::SampleColumns samples;
  for (const Entry& entry : entries_) {
    Decode(entry, samples);
    left.Add(entry.series_id, samples);
  }
  return left.Finish();
}

int64_t HeadTail::bytes() const {
  return static_cast<int64_t>(sizeof(*this) +
                              entries_.capacity() * sizeof(Entry) +
                              words_.capacity() * sizeof(uint32_t)) +
         columns_.bytes();
}

}  // namespace varve::storage
