// The background thread: flushes when due, retention each minute, free disk
// each second, the final rewrite of closed days.
#include <algorithm>

#include "absl/strings/str_format.h"
#include "lib/base/byte_coding.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "storage/block/block_key.h"
#include "storage/block/segment.h"
#include "storage/engine/engine_impl.h"

namespace varve::storage {
namespace {

constexpr absl::Duration kTick = absl::Seconds(1);
constexpr int64_t kRetentionIntervalMs = 60'000;
// After a flush that failed: the disk may need a while.
constexpr int64_t kFlushRetryMs = 5'000;
constexpr int64_t kTableBytesMax = 64 << 20;
constexpr uint64_t kRewriteGeneration = 0;  // of no head

}  // namespace

void EngineImpl::RunMaintenance() {
  int64_t retention_at_ms = options_.clock->SteadyMs() + kRetentionIntervalMs;
  while (true) {
    {
      base::MutexLock lock(maintenance_mutex_);
      if (!stopping_ && !flush_wanted_) {
        (void)maintenance_wake_.WaitFor(lock, kTick);  // both are fine
      }
      if (stopping_) return;
    }
    MaintainOnce(options_.clock->SteadyMs(), retention_at_ms);
  }
}

void EngineImpl::MaintainOnce(int64_t now_steady_ms,
                              int64_t& retention_at_ms) {
  ObserveDisk();
  // What was acknowledged before its fsync gets one within a tick. A failed one
  // is said by the log, which then takes nothing more.
  (void)wal_->Sync();
  if (FlushDue(now_steady_ms)) {
    const absl::Status status = Flush();
    base::MutexLock lock(maintenance_mutex_);
    flush_wanted_ = false;
    if (!status.ok() && !absl::IsUnavailable(status)) {
      static base::LogEvery every(10'000);
      if (every.Due()) base::LogError("flush: ", base::Message(status));
    }
    if (!status.ok()) {
      (void)maintenance_wake_.WaitFor(lock, absl::Milliseconds(kFlushRetryMs));
      flush_wanted_ = !stopping_;
    }
  }
  if (now_steady_ms < retention_at_ms) return;
  retention_at_ms = now_steady_ms + kRetentionIntervalMs;
  const absl::Status status = ApplyRetention();
  if (!status.ok() && !absl::IsUnavailable(status)) {
    base::LogError("retention: ", base::Message(status));
  }
  base::MutexLock lock(flush_mutex_);
  const absl::Status closed = CloseOldDays();
  if (!closed.ok()) base::LogError("closing days: ", base::Message(closed));
}

bool EngineImpl::FlushDue(int64_t now_steady_ms) const {
  {
    base::MutexLock lock(maintenance_mutex_);
    if (flush_wanted_) return true;
  }
  if (now_steady_ms - last_flush_steady_ms_ >= options_.flush_interval_ms) {
    return true;
  }
  return wal_->bytes() >= options_.wal_bytes_max ||
         head_->ActiveStats().bytes >= head_bytes_max_;
}

void EngineImpl::ObserveDisk() {
  const absl::StatusOr<uint64_t> free_bytes = fs_.FreeBytes(options_.path);
  if (!free_bytes.ok()) return;  // what cannot be asked cannot be full
  if (!disk_.Observe(static_cast<int64_t>(*free_bytes))) return;
  if (disk_.read_only()) {
    base::LogWarn("switching the storage at ", options_.path,
                  " to read-only mode: ", *free_bytes,
                  " bytes of free disk space, below "
                  "-storage.minFreeDiskSpaceBytes=",
                  options_.free_disk_bytes_min);
  } else {
    base::LogWarn("enabling writing to the storage at ", options_.path, ": ",
                  *free_bytes, " bytes of free disk space");
  }
}

absl::Status EngineImpl::ApplyRetention() {
  RETURN_IF_ERROR(CheckRunning());
  base::MutexLock lock(flush_mutex_);
  const int32_t first_kept =
      FirstKeptDay(retention_rule(), options_.clock->NowMs());
  const std::shared_ptr<const BlockFamilies> before = Blocks();
  auto after = std::make_shared<BlockFamilies>(*before);
  std::vector<int32_t> dropped_families;
  std::erase_if(after->open_days, [&](const DayFamily& open) {
    if (open.day >= first_kept) return false;
    dropped_families.push_back(open.day);
    return true;
  });
  const auto kept = after->day_rows.lower_bound(first_kept);
  const bool days_dropped = kept != after->day_rows.begin();
  KvBatch meta;
  for (auto it = after->day_rows.begin(); it != kept; ++it) {
    std::string key(kRowsPrefix);
    base::PutFixedBe<int32_t>(key, it->first);
    meta.Delete(*meta_, key);
  }
  after->day_rows.erase(after->day_rows.begin(), kept);
  if (!days_dropped && dropped_families.empty()) return absl::OkStatus();

  // Searches stop looking first; the row counts go last, so that a crash in
  // between leaves days that the next round drops.
  ReplaceBlocks(std::move(after));
  for (const int32_t day : dropped_families) {
    RETURN_IF_ERROR(data_->Drop(DayFamilyName(day)));
  }
  std::string end;
  base::PutFixedBe<int32_t>(end, first_kept);
  RETURN_IF_ERROR(data_->DeleteFilesInRange(*before->closed, "", end));
  KvBatch closed;
  closed.DeleteRange(*before->closed, "", end);
  RETURN_IF_ERROR(data_->Write(closed, true));
  RETURN_IF_ERROR(index_->DropDaysBefore(first_kept));
  if (!meta.empty()) RETURN_IF_ERROR(data_->Write(meta, true));
  base::LogInfo("dropped the days before ", first_kept,
                " (days since 1970): out of -retentionPeriod");
  return absl::OkStatus();
}

absl::Status EngineImpl::CloseOldDays() {
  const int32_t today = model::DayOf(options_.clock->NowMs());
  const std::shared_ptr<const BlockFamilies> blocks = Blocks();
  for (const DayFamily& open : blocks->open_days) {
    if (open.day >= today - kOpenDays) break;
    if (!running()) return absl::OkStatus();
    RETURN_IF_ERROR(CloseDay(open));
  }
  return absl::OkStatus();
}

// One pass over the day: segments joined and deduplicated, into `closed`. A
// crash before the family is dropped leaves the day twice: equal samples
// collapse, and the next round closes it again.
absl::Status EngineImpl::CloseDay(const DayFamily& day) {
  const KvFamilyRef closed = Blocks()->closed;
  const std::string dir = PathOf("tmp");
  std::vector<std::string> files;
  std::unique_ptr<KvSstWriter> writer;
  const model::TimeRange all = {0, model::kTimestampMaxMs};
  const model::DedupRule rule =
      options_.dedup.interval_ms > 0
          ? options_.dedup
          : model::DedupRule{.interval_ms = 0, .keep_all = true};
  model::SampleColumns columns;
  std::string key;
  std::string value;
  const std::unique_ptr<KvIterator> it =
      data_->Scan(day.family, KvScan{.fill_cache = false});
  for (it->SeekToFirst(); it->Valid() && running(); it->Next()) {
    columns.clear();
    value.clear();
    SegmentReadStats stats;
    ReadFloatSegments(it->value(), all, columns, stats);
    if (stats.complete() && !columns.empty()) {
      model::SortAndDedup(columns, rule);
      AppendFloatSegments(kRewriteGeneration, columns.timestamps_ms,
                          columns.values, value);
    } else {
      value = it->value();  // damaged or of a later version: kept as it is
    }
    if (writer == nullptr) {
      files.push_back(
          JoinPath(dir, absl::StrFormat("close%06d.sst", files.size())));
      RETURN_IF_ERROR(fs_.Remove(files.back()));
      ASSIGN_OR_RETURN(writer, data_->NewSst(*closed, files.back()));
    }
    key.clear();
    base::PutFixedBe<int32_t>(key, day.day);
    key.append(it->key());
    RETURN_IF_ERROR(writer->Merge(key, value));
    if (writer->file_bytes() > kTableBytesMax) {
      RETURN_IF_ERROR(writer->Finish());
      writer.reset();
    }
  }
  RETURN_IF_ERROR(it->status());
  if (!running()) return absl::OkStatus();  // the next start goes on
  if (writer != nullptr) RETURN_IF_ERROR(writer->Finish());
  if (!files.empty()) {
    const KvIngest ingest{closed, files};
    RETURN_IF_ERROR(data_->Ingest(std::span(&ingest, 1)));
  }
  auto after = std::make_shared<BlockFamilies>(*Blocks());
  std::erase_if(after->open_days,
                [&](const DayFamily& one) { return one.day == day.day; });
  ReplaceBlocks(std::move(after));
  RETURN_IF_ERROR(data_->Drop(DayFamilyName(day.day)));
  base::LogInfo("closed the day ", DayFamilyName(day.day));
  return absl::OkStatus();
}

}  // namespace varve::storage
