#include "storage/head/head.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "lib/base/machine.h"
#include "storage/head/head_shard.h"
#include "storage/head/head_tails.h"

namespace varve::storage {
namespace {

// Four shards a CPU make two threads meet in one seldom; more would only cost
// the memory of their started slabs.
constexpr int kShardsPerCpu = 4;
constexpr int kShardsMax = 256;

HeadOptions WithShards(HeadOptions options) {
  int shards =
      options.shards > 0 ? options.shards : base::CpuThreads() * kShardsPerCpu;
  shards = std::clamp(shards, 1, kShardsMax);
  options.shards =
      static_cast<int>(std::bit_ceil(static_cast<unsigned>(shards)));
  return options;
}

void AddStats(const HeadStats& from, HeadStats& to) {
  to.series += from.series;
  to.samples += from.samples;
  to.late_samples += from.late_samples;
  to.bytes += from.bytes;
  to.time_columns += from.time_columns;
  to.min_ms = std::min(to.min_ms, from.min_ms);
  to.max_ms = std::max(to.max_ms, from.max_ms);
}

}  // namespace

HeadGeneration::HeadGeneration(uint64_t number, const HeadOptions& options)
    : number_(number), options_(options) {
  shards_.reserve(static_cast<size_t>(options.shards));
  for (int i = 0; i < options.shards; ++i) {
    shards_.push_back(std::make_unique<HeadShard>());
  }
}

HeadGeneration::~HeadGeneration() = default;

size_t HeadGeneration::ShardOf(uint64_t series_id) const {
  return series_id / kPageIds & (shards_.size() - 1);
}

// Fills runs_of_shard[s] with the runs of shard s, in the order of the rows.
void HeadGeneration::FindRuns(
    const HeadRows& rows,
    std::vector<std::vector<PageRun>>& runs_of_shard) const {
  if (runs_of_shard.size() < shards_.size()) {
    runs_of_shard.resize(shards_.size());
  }
  for (std::vector<PageRun>& runs : runs_of_shard) runs.clear();
  const size_t n = rows.series_ids.size();
  uint32_t row = 0;
  for (uint32_t begin = 0; begin < n;) {
    const uint64_t page = rows.series_ids[begin] / kPageIds;
    const uint32_t first_row = row;
    uint32_t end = begin;
    for (; end < n && rows.series_ids[end] / kPageIds == page; ++end) {
      row += rows.counts[end];
    }
    runs_of_shard[page & (shards_.size() - 1)].push_back(
        {page, begin, end, first_row});
    begin = end;
  }
}

void HeadGeneration::Append(const HeadRows& rows, size_t part, size_t parts,
                            HeadAppendResult& result) {
  thread_local std::vector<std::vector<PageRun>> runs;
  FindRuns(rows, runs);
  for (size_t s = part; s < shards_.size(); s += parts) {
    if (runs[s].empty()) continue;
    shards_[s]->Append(rows, runs[s], options_.late_samples_per_series_max,
                       result);
  }
  if (result.late > 0 &&
      late_samples_.fetch_add(result.late, std::memory_order_relaxed) +
              result.late >=
          options_.late_samples_max) {
    result.late_full = true;
  }
}

int64_t HeadGeneration::Delete(std::span<const uint64_t> series_ids,
                               const model::TimeRange& range) {
  HeadDeleteResult result;
  for (const uint64_t id : series_ids) {
    shards_[ShardOf(id)]->Delete(id, range, result);
  }
  late_samples_.fetch_sub(result.late, std::memory_order_relaxed);
  return result.samples;
}

bool HeadGeneration::Read(uint64_t series_id, const model::TimeRange& range,
                          model::SampleColumns& out) const {
  return shards_[ShardOf(series_id)]->Read(series_id, range, out);
}

void HeadGeneration::Prefetch(std::span<const uint64_t> series_ids) const {
  std::vector<std::vector<uint64_t>> by_shard(shards_.size());
  for (const uint64_t id : series_ids) by_shard[ShardOf(id)].push_back(id);
  for (size_t s = 0; s < shards_.size(); ++s) {
    if (!by_shard[s].empty()) shards_[s]->Prefetch(by_shard[s]);
  }
}

std::vector<uint64_t> HeadGeneration::SeriesIds() const {
  std::vector<uint64_t> ids;
  for (const auto& shard : shards_) shard->AppendSeriesIds(ids);
  std::sort(ids.begin(), ids.end());
  return ids;
}

HeadStats HeadGeneration::Stats() const {
  HeadStats stats;
  for (const auto& shard : shards_) shard->AddStats(stats);
  return stats;
}

template <typename Fn>
bool HeadView::ReadEach(uint64_t series_id, const model::TimeRange& range,
                        model::SampleColumns& out, const Fn& before) const {
  bool found = false;
  for (const auto& tail : tails_) {
    before(tail->generation());
    found |= tail->Read(series_id, range, out);
  }
  for (const auto& generation : generations_) {
    before(generation->number());
    found |= generation->Read(series_id, range, out);
  }
  return found;
}

bool HeadView::Read(uint64_t series_id, const model::TimeRange& range,
                    model::SampleColumns& out) const {
  return ReadEach(series_id, range, out, [](uint64_t) {});
}

bool HeadView::Read(uint64_t series_id, const model::TimeRange& range,
                    model::SampleColumns& out,
                    std::vector<HeadRun>& runs) const {
  runs.clear();
  return ReadEach(series_id, range, out, [&](uint64_t generation) {
    runs.push_back({generation, out.size()});
  });
}

std::vector<uint64_t> HeadView::SeriesIds() const {
  std::vector<uint64_t> ids;
  for (const auto& generation : generations_) {
    const std::vector<uint64_t> more = generation->SeriesIds();
    ids.insert(ids.end(), more.begin(), more.end());
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

Head::Head(const HeadOptions& options, uint64_t first_generation,
           int64_t complete_from_ms)
    : options_(WithShards(options)),
      generations_{std::make_shared<HeadGeneration>(first_generation,
                                                    options_)},
      tails_(std::make_unique<HeadTails>(complete_from_ms)) {}

Head::~Head() = default;

HeadAppendResult Head::Append(const HeadRows& rows) {
  return AppendPart(rows, 0, 1);
}

HeadAppendResult Head::AppendPart(const HeadRows& rows, size_t part,
                                  size_t parts) {
  assert(part < parts);
  assert(rows.series_ids.size() == rows.counts.size());
  assert(rows.timestamps_ms.size() == rows.values.size());
  HeadAppendResult result;
  Active()->Append(rows, part, parts, result);
  return result;
}

int64_t Head::Delete(std::span<const uint64_t> series_ids,
                     const model::TimeRange& range) {
  return Active()->Delete(series_ids, range);
}

std::shared_ptr<HeadGeneration> Head::Active() const {
  base::MutexLock lock(mutex_);
  return generations_.back();
}

HeadView Head::View(int64_t start_ms) const {
  HeadView view;
  base::MutexLock lock(mutex_);
  view.generations_.assign(generations_.begin(), generations_.end());
  view.covers_ = start_ms >= tails_->complete_from_ms();
  if (view.covers_) view.tails_ = tails_->tails();
  return view;
}

std::shared_ptr<const HeadGeneration> Head::Cut() {
  base::MutexLock lock(mutex_);
  std::shared_ptr<const HeadGeneration> frozen = generations_.back();
  generations_.push_back(
      std::make_shared<HeadGeneration>(frozen->number() + 1, options_));
  return frozen;
}

HeadTailBuilder Head::NewTail(const HeadGeneration& generation,
                              int64_t from_ms) const {
  return {generation.number(), from_ms, options_.tail_bytes_max};
}

void Head::Drop(uint64_t number) {
  Drop(number, {number, INT64_MAX, options_.tail_bytes_max});
}

void Head::Drop(uint64_t number, HeadTailBuilder tail) {
  // Freed outside the lock: a generation may be gigabytes.
  std::shared_ptr<HeadGeneration> dropped;
  auto tails = std::make_unique<HeadTails>(INT64_MIN);
  {
    base::MutexLock lock(mutex_);
    for (auto it = generations_.begin(); it + 1 != generations_.end(); ++it) {
      if ((*it)->number() == number) dropped = *it;
    }
    *tails = *tails_;
  }
  if (dropped == nullptr) return;
  tails->Add(dropped->Stats(), std::move(tail), options_.tail_bytes_max);
  base::MutexLock lock(mutex_);
  tails->NotCompleteBefore(tails_->complete_from_ms());
  tails_.swap(tails);
  std::erase(generations_, dropped);
  lock.Unlock();
}

void Head::NeedBlocksUntil(int64_t timestamp_ms) {
  base::MutexLock lock(mutex_);
  tails_->NeedBlocksUntil(timestamp_ms);
}

uint64_t Head::active_generation() const {
  base::MutexLock lock(mutex_);
  return generations_.back()->number();
}

HeadStats Head::Stats() const {
  std::vector<std::shared_ptr<HeadGeneration>> generations;
  HeadStats stats;
  {
    base::MutexLock lock(mutex_);
    generations = generations_;
    stats.tail_bytes = stats.bytes = tails_->bytes();
  }
  for (const auto& generation : generations) {
    AddStats(generation->Stats(), stats);
  }
  return stats;
}

HeadStats Head::ActiveStats() const { return Active()->Stats(); }

}  // namespace varve::storage
