#include "storage/head/head_tail.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <span>

#include "lib/base/byte_coding.h"

namespace varve::storage {
namespace {

// Leaves of `samples`, sorted from `begin` on, those inside the range.
void KeepInside(const model::TimeRange& range, size_t begin,
                model::SampleColumns& samples) {
  const std::span<const int64_t> times =
      std::span(samples.timestamps_ms).subspan(begin);
  if (times.empty() || (range.Contains(times.front()) &&
                        range.Contains(times.back()))) {
    return;
  }
  size_t kept = begin;
  for (size_t i = begin; i < samples.size(); ++i) {
    if (!range.Contains(samples.timestamps_ms[i])) continue;
    samples.timestamps_ms[kept] = samples.timestamps_ms[i];
    samples.values[kept] = samples.values[i];
    ++kept;
  }
  samples.resize(kept);
}

}  // namespace

uint32_t HeadTailBuilder::AddRun(std::span<const int64_t> timestamps_ms) {
  const base::Hash128 hash =
      hash_({reinterpret_cast<const char*>(timestamps_ms.data()),
             timestamps_ms.size_bytes()});
  const auto [found, added] = runs_.try_emplace(
      hash, static_cast<uint32_t>(tail_.run_ends_.size()));
  if (added) {
    encoding::EncodeTimestamps(timestamps_ms, tail_.runs_);
    tail_.run_ends_.push_back(tail_.runs_.size());
  }
  return found->second;
}

void HeadTailBuilder::Add(uint64_t series_id,
                          const model::SampleColumns& samples,
                          encoding::ValueHints hints) {
  auto begin = static_cast<size_t>(
      std::lower_bound(samples.timestamps_ms.begin(),
                       samples.timestamps_ms.end(), from_ms_) -
      samples.timestamps_ms.begin());
  while (begin < samples.size() && !over()) {
    const size_t n =
        std::min(samples.size() - begin, encoding::kChunkSamplesMax);
    const auto times = std::span(samples.timestamps_ms).subspan(begin, n);
    chunk_.clear();
    encoding::EncodeValues(std::span(samples.values).subspan(begin, n), hints,
                           chunk_);
    tail_.max_ms_ = std::max(tail_.max_ms_, times.back());
    tail_.entries_.push_back({series_id, tail_.chunks_.size()});
    base::PutVarint(tail_.chunks_, n);
    base::PutVarint(tail_.chunks_, AddRun(times));
    base::PutLengthPrefixed(tail_.chunks_, chunk_);
    begin += n;
  }
}

HeadTail HeadTailBuilder::Finish() {
  std::stable_sort(tail_.entries_.begin(), tail_.entries_.end(),
                   [](const HeadTail::Entry& a, const HeadTail::Entry& b) {
                     return a.series_id < b.series_id;
                   });
  return std::move(tail_);
}

void HeadTail::Decode(const Entry& entry, model::SampleColumns& samples) const {
  base::ByteReader reader(std::string_view(chunks_).substr(entry.at));
  const size_t before = samples.size();
  samples.resize(before + reader.Varint());
  const uint64_t run = reader.Varint();
  const uint64_t begin = run == 0 ? 0 : run_ends_[run - 1];
  absl::Status status = encoding::DecodeTimestamps(
      std::string_view(runs_).substr(begin, run_ends_[run] - begin),
      std::span(samples.timestamps_ms).subspan(before));
  status.Update(
      encoding::DecodeValues(reader.LengthPrefixed(),
                             std::span(samples.values).subspan(before)));
  assert(status.ok());  // bytes of our own that never left memory
}

// Ids are given out one after the other, and most series have one entry: a
// series' distance from the first entry is its place or somewhat behind it.
size_t HeadTail::FirstOf(uint64_t series_id) const {
  if (entries_.empty() || series_id <= entries_.front().series_id) return 0;
  const auto below = [](const Entry& a, uint64_t id) {
    return a.series_id < id;
  };
  const size_t guess = std::min<uint64_t>(
      series_id - entries_.front().series_id, entries_.size() - 1);
  if (below(entries_[guess], series_id)) {
    return static_cast<size_t>(
        std::lower_bound(entries_.begin() + static_cast<ptrdiff_t>(guess),
                         entries_.end(), series_id, below) -
        entries_.begin());
  }
  // entries_[high] is not below; further and further to one that is.
  size_t high = guess;
  size_t low = guess;
  for (size_t leap = 1; low > 0; leap *= 2) {
    low = guess > leap ? guess - leap : 0;
    if (below(entries_[low], series_id)) break;
    high = low;
  }
  return static_cast<size_t>(
      std::lower_bound(entries_.begin() + static_cast<ptrdiff_t>(low),
                       entries_.begin() + static_cast<ptrdiff_t>(high),
                       series_id, below) -
      entries_.begin());
}

bool HeadTail::Read(uint64_t series_id, const model::TimeRange& range,
                    model::SampleColumns& out) const {
  bool found = false;
  for (size_t i = FirstOf(series_id);
       i < entries_.size() && entries_[i].series_id == series_id; ++i) {
    const size_t begin = out.size();
    Decode(entries_[i], out);
    KeepInside(range, begin, out);
    found = true;
  }
  return found;
}

HeadTail HeadTail::From(int64_t from_ms) const {
  HeadTailBuilder left(generation_, from_ms,
                       std::numeric_limits<int64_t>::max());
  model::SampleColumns samples;
  for (const Entry& entry : entries_) {
    samples.clear();
    Decode(entry, samples);
    left.Add(entry.series_id, samples);
  }
  return left.Finish();
}

int64_t HeadTail::bytes() const {
  return static_cast<int64_t>(
      sizeof(*this) + entries_.capacity() * sizeof(Entry) +
      chunks_.capacity() + run_ends_.capacity() * sizeof(uint64_t) +
      runs_.capacity());
}

}  // namespace varve::storage
