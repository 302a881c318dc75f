#include "storage/head/start_table.h"

#include <algorithm>
#include <bit>

namespace varve::storage {
namespace {

// With what the map has free.
constexpr int64_t kSeriesBytes = 64;

int64_t BytesOf(const std::unique_ptr<model::StartRuns>& runs) {
  if (runs == nullptr) return 0;
  return static_cast<int64_t>(sizeof(*runs) +
                              runs->capacity() * sizeof(model::StartRun));
}

}  // namespace

void StartTable::AddOther(Held& held, const model::StartRun& run) {
  // Repeated ones are joined now and then, so that retries do not pile up.
  constexpr size_t kJoinFrom = 16;
  const int64_t before = BytesOf(held.others);
  if (held.others == nullptr) {
    held.others = std::make_unique<model::StartRuns>();
  }
  held.others->push_back(run);
  const size_t size = held.others->size();
  if (size >= kJoinFrom && std::has_single_bit(size)) {
    model::JoinRuns(*held.others);
  }
  bytes_ += BytesOf(held.others) - before;
}

void StartTable::Add(Held& held, const model::StartRun& run) {
  if (run.start_ms == held.last.start_ms &&
      run.first_ms >= held.last.first_ms) {
    held.last.last_ms = std::max(held.last.last_ms, run.last_ms);
  } else if (run.first_ms >= held.last.first_ms) {
    AddOther(held, held.last);
    held.last = run;
  } else {
    AddOther(held, run);
  }
}

void StartTable::Append(std::span<const encoding::StartRow> rows) {
  for (const encoding::StartRow& row : rows) {
    Shard& shard = ShardOf(row.ref);
    base::MutexLock lock(shard.mutex);
    const auto [place, is_new] = shard.series.try_emplace(row.ref);
    if (is_new) {
      place->second.last = row.run;
      bytes_ += kSeriesBytes;
      ++series_;
    } else {
      Add(place->second, row.run);
    }
  }
}

void StartTable::Delete(std::span<const uint64_t> series_ids,
                        const model::TimeRange& range) {
  for (const uint64_t id : series_ids) {
    Shard& shard = ShardOf(id);
    base::MutexLock lock(shard.mutex);
    const auto found = shard.series.find(id);
    if (found == shard.series.end()) continue;
    Held& held = found->second;
    bytes_ -= BytesOf(held.others);
    model::StartRuns runs;
    if (held.others != nullptr) runs = std::move(*held.others);
    runs.push_back(held.last);
    model::JoinRuns(runs);
    model::RemoveRange(range, 0, runs);
    if (runs.empty()) {
      bytes_ -= kSeriesBytes;
      --series_;
      shard.series.erase(found);
      continue;
    }
    held.last = runs.back();
    runs.pop_back();
    held.others = runs.empty()
                      ? nullptr
                      : std::make_unique<model::StartRuns>(std::move(runs));
    bytes_ += BytesOf(held.others);
  }
}

void StartTable::Read(uint64_t series_id, const model::TimeRange& range,
                      model::StartRuns& out) const {
  if (empty()) return;
  const size_t from = out.size();
  const Shard& shard = ShardOf(series_id);
  base::MutexLock lock(shard.mutex);
  const auto found = shard.series.find(series_id);
  if (found == shard.series.end()) return;
  const Held& held = found->second;
  if (held.others != nullptr) {
    out.insert(out.end(), held.others->begin(), held.others->end());
  }
  out.push_back(held.last);
  model::KeepRange(range, from, out);
}

void StartTable::AppendIds(std::vector<uint64_t>& ids) const {
  for (const Shard& shard : shards_) {
    base::MutexLock lock(shard.mutex);
    for (const auto& [id, held] : shard.series) ids.push_back(id);
  }
}

}  // namespace varve::storage
