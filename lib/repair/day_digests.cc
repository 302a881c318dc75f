#include "lib/repair/day_digests.h"

#include <limits>

#include "lib/base/status.h"
#include "lib/model/time_range.h"

namespace varve::repair {
namespace {

model::TimeRange RangeOf(int32_t day) {
  const int64_t start_ms = day * model::kDayMs;
  return {start_ms, start_ms + model::kDayMs - 1};
}

int64_t BytesOf(const DayDigest& digest) {
  // Of an entry of the table and of the list, about.
  constexpr int64_t kEntryBytes = 200;
  return kEntryBytes +
         static_cast<int64_t>(digest.rows.capacity() * sizeof(DigestRow));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const DayDigest>> DayDigests::Of(
    const model::TenantId& tenant, int32_t day, const base::Alive* alive) {
  const model::TimeRange range = RangeOf(day);
  // Before the scan: what changes from now on, the next one may have to see.
  const storage::History history = engine_.HistoryOf(tenant, range);
  const bool settled = history.settled.start_ms <= range.start_ms &&
                       range.end_ms <= history.settled.end_ms;
  // MISSED records and rings change Engine::coverage_version(), but nothing
  // here; of the rest, damage, MayLack tells.
  const bool may_keep = settled && !engine_.MayLack(range);
  if (may_keep) {
    if (auto kept = Find({tenant, day}, history.changes)) return kept;
  }
  ASSIGN_OR_RETURN(auto digest, Compute(tenant, day, settled, alive));
  // A day without samples is found as quickly as a kept one.
  if (may_keep && digest->complete && !digest->rows.empty()) {
    Keep({tenant, day}, history.changes, digest);
  }
  return digest;
}

absl::StatusOr<std::shared_ptr<const DayDigest>> DayDigests::Compute(
    const model::TenantId& tenant, int32_t day, bool settled,
    const base::Alive* alive) {
  ASSIGN_OR_RETURN(
      const std::unique_ptr<storage::SeriesCursor> cursor,
      engine_.Search({.tenant = tenant,
                      .range = RangeOf(day),
                      // It holds one series at a time.
                      .series_max = std::numeric_limits<int64_t>::max(),
                      .keep_all = true,
                      .starts = true,
                      .of_query = false,
                      .alive = alive}));
  DigestBuilder builder(day);
  storage::SearchSeries series;
  int64_t samples = 0;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, cursor->Next(series));
    if (!more) break;
    builder.Add(series);
    samples += static_cast<int64_t>(series.samples.size() +
                                    series.histograms.size());
  }
  auto digest = std::make_shared<DayDigest>();
  digest->rows = builder.Finish();
  digest->complete = cursor->complete();
  digest->settled = settled;
  base::MutexLock lock(mutex_);
  ++stats_.computed;
  stats_.samples += samples;
  return std::shared_ptr<const DayDigest>(std::move(digest));
}

std::shared_ptr<const DayDigest> DayDigests::Find(const Key& key,
                                                  uint64_t changes) {
  base::MutexLock lock(mutex_);
  const auto found = kept_.find(key);
  if (found == kept_.end()) return nullptr;
  if (found->second.changes != changes) {
    Drop(key);
    return nullptr;
  }
  asked_.splice(asked_.end(), asked_, found->second.asked);
  return found->second.digest;
}

void DayDigests::Keep(const Key& key, uint64_t changes,
                      std::shared_ptr<const DayDigest> digest) {
  const int64_t bytes = BytesOf(*digest);
  if (bytes > kept_bytes_max_) return;
  base::MutexLock lock(mutex_);
  Drop(key);
  asked_.push_back(key);
  kept_[key] = {changes, std::move(digest), std::prev(asked_.end())};
  stats_.kept_bytes += bytes;
  while (stats_.kept_bytes > kept_bytes_max_) Drop(Key(asked_.front()));
  stats_.kept = static_cast<int64_t>(kept_.size());
}

void DayDigests::Drop(const Key& key) {
  const auto found = kept_.find(key);
  if (found == kept_.end()) return;
  stats_.kept_bytes -= BytesOf(*found->second.digest);
  asked_.erase(found->second.asked);
  kept_.erase(found);
  stats_.kept = static_cast<int64_t>(kept_.size());
}

DayDigestStats DayDigests::Stats() const {
  base::MutexLock lock(mutex_);
  return stats_;
}

}  // namespace varve::repair
