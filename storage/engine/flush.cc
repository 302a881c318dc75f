// The head to blocks, then the log cut.
//
// One cut at log position L for the whole node. Each step is durable before
// the next: (1) index rows, (2) tables of all days together with watermark L,
// (3) the old generation and the log below L go. After a crash between two of
// them the log is replayed from the watermark: ids without samples after (1)
// are harmless, and rows that are in blocks and in the log collapse when read.
#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "storage/block/block_key.h"
#include "storage/block/block_writer.h"
#include "storage/engine/engine_impl.h"
#include "storage/engine/flush_files.h"

namespace varve::storage {
namespace {

// Days written in one pass over the head; each has a table writer of about a
// megabyte open.
constexpr size_t kDaysPerPass = 8;

// Series whose samples are fetched from memory at once.
constexpr size_t kSeriesAhead = 64;

// What stays readable without blocks: a lookback of 5 minutes, and a minute for
// the sample before it and for those on their way.
constexpr int64_t kTailMs = 6 * 60'000;

// In `closed` tables are small enough to compact apart. An open day gets one
// for each flush: universal compaction counts tables, not flushes, and four of
// them would be merged before a second flush has come.
constexpr int64_t kClosedTableBytesMax = 64 << 20;
constexpr int64_t kDayTableBytesMax = int64_t{2} << 30;

int32_t TodayOf(const base::Clock& clock) {
  return model::DayOf(clock.NowMs());
}

// One day's tables of a pass.
class DayTable {
 public:
  DayTable(KvDb& db, KvFamilyRef family, bool closed, int32_t day)
      : db_(db), family_(std::move(family)), closed_(closed), day_(day) {}

  template <typename NextPath>
  absl::Status Add(std::string_view key, std::string_view value,
                   NextPath&& next_path) {
    if (writer_ != nullptr &&
        writer_->file_bytes() >
            (closed_ ? kClosedTableBytesMax : kDayTableBytesMax)) {
      RETURN_IF_ERROR(Finish());
    }
    if (writer_ == nullptr) {
      files_.push_back(next_path());
      ASSIGN_OR_RETURN(writer_, db_.NewSst(*family_, files_.back()));
    }
    if (!closed_) return writer_->Merge(key, value);
    closed_key_.clear();
    base::PutFixedBe<int32_t>(closed_key_, day_);
    closed_key_.append(key);
    return writer_->Merge(closed_key_, value);
  }

  absl::Status Finish() {
    if (writer_ == nullptr) return absl::OkStatus();
    RETURN_IF_ERROR(writer_->Finish());
    writer_.reset();
    return absl::OkStatus();
  }

  bool closed() const { return closed_; }
  const KvFamilyRef& family() const { return family_; }
  const std::vector<std::string>& files() const { return files_; }

 private:
  KvDb& db_;
  const KvFamilyRef family_;
  const bool closed_;
  const int32_t day_;
  std::unique_ptr<KvSstWriter> writer_;
  std::vector<std::string> files_;
  std::string closed_key_;
};

}  // namespace

bool EngineImpl::Stopped(FlushStep step) const {
  return options_.flush_hook != nullptr && !options_.flush_hook(step);
}

absl::Status EngineImpl::Flush() {
  RETURN_IF_ERROR(CheckRunning());
  base::MutexLock lock(flush_mutex_);
  return FlushLocked();
}

EngineImpl::FrozenHead EngineImpl::CutHead() {
  FrozenHead frozen;
  const CutGate::Closed closed(gate_);
  frozen.position = wal_->end();
  frozen.generation = head_->Cut();
  next_generation_ = frozen.generation->number() + 1;
  frozen.kinds = kind_head_->Cut(next_generation_);
  frozen.metadata = metadata_.TakeChanges();
  active_series_.BeginCut();
  frozen.tombstones = tombstones_.Unsaved();
  base::MutexLock lock(state_mutex_);
  frozen.days.assign(active_days_.begin(), active_days_.end());
  active_days_.clear();
  frozen.state.insert(kept_state_.begin(), kept_state_.end());
  frozen.dropped_state = std::move(dropped_state_);
  dropped_state_.clear();
  return frozen;
}

absl::Status EngineImpl::FlushLocked() {
  const int64_t begin_ms = options_.clock->SteadyMs();
  if (frozen_.generation == nullptr) {
    // The last flush may have found no room for a new segment.
    if (wal_->end() == flushed_position_) return CutLog();
    frozen_ = CutHead();
  }  // else: the last flush failed; its generation is still to be written
  const HeadStats stats = frozen_.generation->Stats();
  if (Stopped(FlushStep::kCut)) return absl::AbortedError("flush_hook");
  RETURN_IF_ERROR(index_->Flush());
  if (Stopped(FlushStep::kIndexed)) return absl::AbortedError("flush_hook");

  FlushFiles files;
  files.dir = PathOf("tmp");
  RETURN_IF_ERROR(fs_.RemoveTree(files.dir));
  RETURN_IF_ERROR(fs_.CreateDirs(files.dir));
  HeadTailBuilder tail = head_->NewTail(*frozen_.generation,
                                        options_.clock->NowMs() - kTailMs);
  RETURN_IF_ERROR(WriteBlocks(frozen_, files, tail));
  RETURN_IF_ERROR(WriteKinds(frozen_, files));
  RETURN_IF_ERROR(WriteMeta(frozen_, files));
  RETURN_IF_ERROR(data_->Ingest(files.ingests));
  if (Stopped(FlushStep::kIngested)) return absl::AbortedError("flush_hook");

  auto blocks = std::make_shared<BlockFamilies>(*Blocks());
  for (const auto& [day, state] : files.days) blocks->days[day] = state;
  ReplaceBlocks(std::move(blocks));
  flushed_position_ = frozen_.position;
  tombstones_.Saved(frozen_.position);
  head_->Drop(frozen_.generation->number(), std::move(tail));
  kind_head_->Drop(frozen_.generation->number());
  if (const auto status = DeleteDropped(frozen_); !status.ok()) {
    base::LogWarn("metadata over its limit stays on disk: ",
                  base::Message(status));
  }
  frozen_ = FrozenHead{};
  active_series_.EndCut();
  ++flushes_;
  {
    base::MutexLock lock(maintenance_mutex_);
    flushed_.NotifyAll();
  }
  if (Stopped(FlushStep::kDropped)) return absl::AbortedError("flush_hook");
  RETURN_IF_ERROR(CutLog());
  base::LogInfo("flushed ", stats.samples, " samples of ", stats.series,
                " series in ", options_.clock->SteadyMs() - begin_ms, " ms");
  return absl::OkStatus();
}

absl::Status EngineImpl::CutLog() {
  if (wal_->begin() >= flushed_position_) return absl::OkStatus();
  // A disk too full for a new segment wants the old ones gone all the more.
  const absl::Status rotated = wal_->Rotate();
  RETURN_IF_ERROR(wal_->CutBelow(flushed_position_));
  return rotated;
}

absl::Status EngineImpl::WriteBlocks(const FrozenHead& frozen,
                                     FlushFiles& files,
                                     HeadTailBuilder& tail) {
  ASSIGN_OR_RETURN(const std::vector<SeriesKey> keys,
                   KeysInOrder(frozen.generation->SeriesIds()));
  const std::span<const int32_t> days = frozen.days;
  for (size_t i = 0; i < days.size(); i += kDaysPerPass) {
    RETURN_IF_ERROR(WriteDays(
        frozen, keys, days.subspan(i, std::min(kDaysPerPass, days.size() - i)),
        files, tail));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SeriesKey>> EngineImpl::KeysInOrder(
    const std::vector<uint64_t>& all_ids) const {
  std::map<model::TenantId, std::vector<uint64_t>> by_tenant;
  for (const uint64_t id : all_ids) {
    const std::optional<model::TenantId> tenant = registry_.TenantOf(id);
    if (!tenant) return base::Internal("head has series ", id, " of no tenant");
    by_tenant[*tenant].push_back(id);
  }
  std::vector<SeriesKey> keys;
  for (const auto& [tenant, ids] : by_tenant) {
    const size_t before = keys.size();
    RETURN_IF_ERROR(index_->ForEachSeries(
        tenant, ids, [&, tenant = tenant](const IndexSeries& series) {
          keys.push_back({tenant, series.metric_id, series.id});
        }));
    if (keys.size() - before != ids.size()) {
      return base::Internal("index lacks ", ids.size() + before - keys.size(),
                            " series of the head");
    }
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

absl::Status EngineImpl::WriteDays(const FrozenHead& frozen,
                                   std::span<const SeriesKey> keys,
                                   std::span<const int32_t> days,
                                   FlushFiles& files, HeadTailBuilder& tail) {
  std::map<int32_t, DayTable> tables;
  for (const int32_t day : days) {
    ASSIGN_OR_RETURN(KvFamilyRef family, FamilyForDay(day));
    const bool closed = family == Blocks()->closed;
    tables.try_emplace(day, *data_, std::move(family), closed, day);
  }
  const std::shared_ptr<const BlockFamilies> blocks = Blocks();
  BlockWriter writer(
      frozen.generation->number(),
      [&blocks](int32_t day) {
        const auto state = blocks->days.find(day);
        return state == blocks->days.end() ? 1 : state->second.next_column;
      },
      [&](int32_t day, std::string_view key, std::string_view value) {
        const auto table = tables.find(day);
        // Days between the first and the last of this pass that no row named.
        if (table == tables.end()) {
          return base::Internal("head has rows of an unmarked day ", day);
        }
        return table->second.Add(key, value,
                                 [&files] { return files.NextPath(); });
      });
  const model::TimeRange range = {
      .start_ms = int64_t{days.front()} * model::kDayMs,
      .end_ms = int64_t{days.back()} * model::kDayMs + model::kDayMs - 1};
  model::SampleColumns columns;
  std::vector<uint64_t> next_ids;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (i % kSeriesAhead == 0) {
      next_ids.clear();
      for (size_t k = i; k < std::min(i + kSeriesAhead, keys.size()); ++k) {
        next_ids.push_back(keys[k].series_id);
      }
      frozen.generation->Prefetch(next_ids);
    }
    const SeriesKey& key = keys[i];
    columns.clear();
    frozen.generation->Read(key.series_id, range, columns);
    if (columns.empty()) continue;
    // On disk only byte-equal samples collapse.
    model::SortAndDedup(columns, {.interval_ms = 0, .keep_all = true});
    encoding::ValueHints& hints = value_hints_.At(key.series_id);
    RETURN_IF_ERROR(writer.Add(key, columns, hints));
    tail.Add(key.series_id, columns, hints);
  }
  RETURN_IF_ERROR(writer.Finish());
  for (const auto& [day, written] : writer.Days()) {
    files
        .AddRows(*blocks, day, written.samples, tables.at(day).closed())
        .next_column = written.next_column;
  }
  for (auto& [day, table] : tables) {
    RETURN_IF_ERROR(table.Finish());
    files.Add(table.family(), table.files());
  }
  return absl::OkStatus();
}

absl::Status EngineImpl::WriteMeta(const FrozenHead& frozen,
                                   FlushFiles& files) {
  std::map<std::string, std::string> rows;  // a table wants keys in order
  for (const auto& [day, state] : files.days) {
    rows[DayRowKey(day)] = DayRowValue(state);
  }
  for (const auto& [key, value] : frozen.state) {
    rows[base::StrCat(kStatePrefix, key)] = value;
  }
  // With the watermark: their records in the log are not read again.
  for (const std::string& key : frozen.dropped_state) {
    rows[base::StrCat(kStatePrefix, key)] = "";
  }
  newest_in_blocks_ms_ =
      std::max(newest_in_blocks_ms_.load(), frozen.generation->Stats().max_ms);
  base::PutFixedLe<int64_t>(rows[std::string(kNewestKey)],
                            newest_in_blocks_ms_);
  base::PutFixedLe<int64_t>(rows[std::string(kNewestKindKey)],
                            newest_kind_in_blocks_ms_);
  for (const auto& [key, value] : frozen.metadata) {
    if (value.has_value()) rows[key] = *value;
  }
  base::PutFixedLe<uint64_t>(rows[std::string(kIndexSequenceKey)],
                             index_db_->sequence());
  for (const Tombstones::Row& one : frozen.tombstones) {
    std::string key(kDeletePrefix);
    base::PutFixedBe<uint64_t>(key, one.position);
    rows[key] = one.value;
  }
  std::string& watermark = rows[std::string(kWatermarkKey)];
  base::PutFixedLe<uint64_t>(watermark, frozen.position);
  base::PutFixedLe<uint64_t>(watermark, frozen.generation->number() + 1);

  const std::string path = files.NextPath();
  ASSIGN_OR_RETURN(const std::unique_ptr<KvSstWriter> writer,
                   data_->NewSst(*meta_, path));
  for (const auto& [key, value] : rows) {
    RETURN_IF_ERROR(writer->Put(key, value));
  }
  RETURN_IF_ERROR(writer->Finish());
  files.ingests.push_back({meta_, {path}});
  return absl::OkStatus();
}

absl::Status EngineImpl::DeleteDropped(const FrozenHead& frozen) {
  KvBatch batch;
  for (const auto& [key, value] : frozen.metadata) {
    if (!value.has_value()) batch.Delete(*meta_, key);
  }
  for (const std::string& key : frozen.dropped_state) {
    batch.Delete(*meta_, base::StrCat(kStatePrefix, key));
  }
  return batch.empty() ? absl::OkStatus() : data_->Write(batch, false);
}

absl::StatusOr<KvFamilyRef> EngineImpl::FamilyForDay(int32_t day) {
  const std::shared_ptr<const BlockFamilies> blocks = Blocks();
  const auto state = blocks->days.find(day);
  if (state != blocks->days.end() &&
      state->second.phase != DayPhase::kOpen) {
    return blocks->closed;
  }
  for (const DayFamily& open : blocks->open_days) {
    if (open.day == day) return open.family;
  }
  const int32_t today = TodayOf(*options_.clock);
  if (day < today - kOpenDays || day > today + kOpenDays) {
    return blocks->closed;
  }
  ASSIGN_OR_RETURN(const KvFamilyRef family,
                   data_->Create(DayFamilyName(day)));
  auto changed = std::make_shared<BlockFamilies>(*blocks);
  changed->open_days.push_back({day, family});
  std::sort(changed->open_days.begin(), changed->open_days.end(),
            [](const auto& a, const auto& b) { return a.day < b.day; });
  ReplaceBlocks(std::move(changed));
  return family;
}

std::shared_ptr<const BlockFamilies> EngineImpl::Blocks() const {
  base::MutexLock lock(blocks_mutex_);
  return blocks_;
}

void EngineImpl::ReplaceBlocks(std::shared_ptr<const BlockFamilies> blocks) {
  base::MutexLock lock(blocks_mutex_);
  blocks_ = std::move(blocks);
}

}  // namespace varve::storage
