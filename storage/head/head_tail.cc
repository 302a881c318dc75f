#include "storage/head/head_tail.h"

#include <algorithm>
#include <cassert>
#include <limits>

#include "lib/base/byte_coding.h"

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
  samples.resize(reader.Varint());
  const uint64_t run = reader.Varint();
  const uint64_t begin = run == 0 ? 0 : run_ends_[run - 1];
  absl::Status status = encoding::DecodeTimestamps(
      std::string_view(runs_).substr(begin, run_ends_[run] - begin),
      samples.timestamps_ms);
  status.Update(
      encoding::DecodeValues(reader.LengthPrefixed(), samples.values));
  assert(status.ok());  // bytes of our own that never left memory
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
  return static_cast<int64_t>(
      sizeof(*this) + entries_.capacity() * sizeof(Entry) +
      chunks_.capacity() + run_ends_.capacity() * sizeof(uint64_t) +
      runs_.capacity());
}

}  // namespace varve::storage
