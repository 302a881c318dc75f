// What damage on disk means for the engine: databases take damaged tables out
// by themselves (storage/kv); here is what to make up for, and which answers
// are incomplete.
#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "storage/block/block_key.h"
#include "storage/engine/engine_impl.h"

namespace varve::storage {
namespace {

int32_t DayOfClosedKey(std::string_view key, int32_t if_none) {
  if (key.size() < sizeof(int32_t)) return if_none;
  return base::ByteReader(key).FixedBe<int32_t>();
}

}  // namespace

void EngineImpl::HealDatabases() {
  for (KvDb* const db : {data_.get(), index_db_.get()}) {
    const absl::Status status = db->HealDamaged();
    if (status.ok()) continue;
    static base::LogEvery every(10'000);
    if (every.Due()) base::LogError("storage: ", base::Message(status));
  }
  // What this node is complete for has changed.
  const int64_t damaged =
      data_->damaged_tables() + index_db_->damaged_tables();
  if (damaged_tables_.exchange(damaged) != damaged) ++coverage_version_;
}

bool EngineImpl::TablesMayLack(const model::TimeRange& range) const {
  // Postings and labels are of all times.
  if (!index_db_->Losses().empty()) return true;
  const int32_t first = model::DayOf(range.start_ms);
  const int32_t last = model::DayOf(range.end_ms);
  const std::vector<KvLoss> losses = data_->Losses();
  return std::any_of(losses.begin(), losses.end(), [&](const KvLoss& loss) {
    if (loss.family == kMetaFamily) return false;  // LoadMeta made up for it
    const absl::StatusOr<int32_t> day = ParseDayFamilyName(loss.family);
    if (day.ok()) return *day >= first && *day <= last;
    if (loss.family != kClosedFamily) return true;
    return DayOfClosedKey(loss.first, INT32_MIN) <= last &&
           DayOfClosedKey(loss.last, INT32_MAX) >= first;
  });
}

// What was known of days went with the rows of meta; that a day has rows is
// what searches need, and that its next shared columns get new ids.
absl::Status EngineImpl::RebuildDays(const KvFamilyRef& closed,
                                     std::map<int32_t, DayState>& days) {
  constexpr uint64_t kFreshColumns = uint64_t{1} << 32;
  const auto it = data_->Scan(closed, KvScan{.fill_cache = false});
  it->SeekToFirst();
  while (it->Valid()) {
    const int32_t day = DayOfClosedKey(it->key(), INT32_MAX);
    if (day == INT32_MAX) break;
    DayState& state = days[day];
    state.rows = std::max<int64_t>(state.rows, 1);
    state.in_closed = true;
    state.next_column = std::max(state.next_column, kFreshColumns);
    std::string next;
    base::PutFixedBe<int32_t>(next, day + 1);
    it->Seek(next);
  }
  RETURN_IF_ERROR(it->status());
  for (const std::string& name : data_->Families()) {
    const absl::StatusOr<int32_t> day = ParseDayFamilyName(name);
    if (!day.ok()) continue;
    DayState& state = days[*day];
    state.rows = std::max<int64_t>(state.rows, 1);
    state.next_column = std::max(state.next_column, kFreshColumns);
  }
  return absl::OkStatus();
}

absl::Status EngineImpl::CheckIndexSequence(uint64_t at_last_flush) {
  if (index_db_->sequence() >= at_last_flush) return absl::OkStatus();
  if (index_->stats().series == 0) return absl::OkStatus();  // LoadMeta tells
  // Ids of lost series would be given out again, and with them their samples.
  return base::DataLoss(
      PathOf("index"), " lost the rows from ", index_db_->sequence(), " to ",
      at_last_flush, " (the end of RocksDB's log in it): restore the node from "
      "a backup, or move ", options_.path, " away to start empty");
}

}  // namespace varve::storage
