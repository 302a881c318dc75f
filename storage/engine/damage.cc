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

// Of rows in index/ that no rebuild brings back: samples of unknown series on
// the days up to `last`, a day as in `closed`.
constexpr std::string_view kUnknownSeries = "unknown series";
constexpr int64_t kRebuildRetryMs = 30'000;

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
      data_->damaged_files() + index_db_->damaged_files();
  if (damaged_files_.exchange(damaged) != damaged) ++coverage_version_;
  RebuildIndex();
}

void EngineImpl::RebuildIndex() {
  const std::vector<KvLoss> losses = index_db_->Losses();
  const int64_t now_ms = options_.clock->SteadyMs();
  if (now_ms < rebuild_at_ms_ ||
      std::none_of(losses.begin(), losses.end(), IsIndexLoss)) {
    return;
  }
  rebuild_at_ms_ = now_ms + kRebuildRetryMs;
  base::LogWarn("index: making rows that were lost to damage again");
  const auto mended = index_->Rebuild(
      {.visit_blocks =
           [this](const DayRange& days, const auto& series) {
             return VisitBlocks(days, series);
           },
       .take_gone = [this](const auto& gone) { return TakeGone(gone); },
       .go_on = [this] { return CheckRunning(); }});
  const absl::Status status =
      mended.ok() ? index_db_->ForgetLosses(*mended) : mended.status();
  if (!running()) return;  // the next start begins anew
  if (!status.ok()) {
    base::LogError("index: ", base::Message(status), "; tried again in 30 s");
    return;
  }
  rebuild_at_ms_ = INT64_MIN;
  ++coverage_version_;
  base::LogInfo("index: rebuilt in ", options_.clock->SteadyMs() - now_ms,
                " ms");
}

// Series that are gone get new ids from their senders; what they have is
// without labels, and answers about its days stay partial.
absl::Status EngineImpl::TakeGone(std::span<const IndexTenantIds> gone) {
  int64_t count = 0;
  for (const auto& [tenant, ids] : gone) {
    const CutGate::Closed closed(gate_);
    registry_.Remove(ids);
    count += static_cast<int64_t>(ids.size());
  }
  std::string last;
  base::PutFixedBe<int32_t>(
      last, model::DayOf(options_.clock->NowMs() +
                         retention_rule().future_retention_ms));
  const KvLoss loss = {.family = std::string(kUnknownSeries), .first = {},
                       .last = last, .file = base::StrCat(count, " series")};
  base::LogError("index: the labels of ", count, " series are lost");
  const std::vector<KvLoss> known = index_db_->Losses();
  if (std::find(known.begin(), known.end(), loss) != known.end()) {
    return absl::OkStatus();
  }
  return index_db_->AddLoss(loss);
}

absl::Status EngineImpl::VisitBlocks(
    const DayRange& days,
    const std::function<void(const model::TenantId&, int32_t day,
                             uint64_t id)>& series) const {
  const auto visit = [&](const KvFamilyRef& family,
                         std::optional<int32_t> open_day) {
    const bool closed = !open_day;
    KvScan scan{.fill_cache = false, .readahead_bytes = 2 << 20};
    if (closed) {
      base::PutFixedBe(scan.lower, days.first);
      if (days.last < INT32_MAX) base::PutFixedBe(scan.upper, days.last + 1);
    }
    const auto it = data_->Scan(family, std::move(scan));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      RETURN_IF_ERROR(CheckRunning());
      const absl::StatusOr<SeriesKey> key = ParseSeriesKey(
          closed ? it->key().substr(sizeof(int32_t)) : it->key());
      if (!key.ok() || key->metric_id == kColumnsMetricId ||
          it->value().empty()) {
        continue;
      }
      series(key->tenant,
             closed ? DayOfClosedKey(it->key(), INT32_MAX) : *open_day,
             key->series_id);
    }
    return it->status();
  };
  const std::shared_ptr<const BlockFamilies> blocks = Blocks();
  for (const DayFamily& open : blocks->open_days) {
    if (open.day < days.first || open.day > days.last) continue;
    RETURN_IF_ERROR(visit(open.family, open.day));
  }
  return visit(blocks->closed, std::nullopt);
}

bool EngineImpl::TablesMayLack(const model::TimeRange& range) const {
  const int32_t first = model::DayOf(range.start_ms);
  const int32_t last = model::DayOf(range.end_ms);
  for (const KvLoss& loss : index_db_->Losses()) {
    if (IsIndexLoss(loss)) return true;  // postings and labels are of all times
    if (loss.family == kUnknownSeries &&
        DayOfClosedKey(loss.last, INT32_MAX) >= first) {
      return true;
    }
  }
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
  // Above all ids given out so far, also after another loss: a node makes
  // fewer than a million a second.
  const uint64_t fresh_columns =
      static_cast<uint64_t>(options_.clock->NowMs()) << 10;
  const auto it = data_->Scan(closed, KvScan{.fill_cache = false});
  it->SeekToFirst();
  while (it->Valid()) {
    const int32_t day = DayOfClosedKey(it->key(), INT32_MAX);
    if (day == INT32_MAX) break;
    DayState& state = days[day];
    state.rows = std::max<int64_t>(state.rows, 1);
    state.in_closed = true;
    state.next_column = std::max(state.next_column, fresh_columns);
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
    state.next_column = std::max(state.next_column, fresh_columns);
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
