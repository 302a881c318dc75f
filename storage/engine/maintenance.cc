// The background thread: flushes when due, retention each minute, free disk
// each second.
#include <algorithm>

#include "lib/base/allocator.h"
#include "lib/base/byte_coding.h"
#include "lib/base/log.h"
#include "lib/base/machine.h"
#include "lib/base/status.h"
#include "storage/block/block_key.h"
#include "storage/engine/engine_impl.h"

namespace varve::storage {
namespace {

constexpr absl::Duration kTick = absl::Seconds(1);
constexpr int64_t kRetentionIntervalMs = 60'000;
// After a flush that failed: the disk may need a while.
constexpr int64_t kFlushRetryMs = 5'000;

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
  HealDatabases();
  // What was acknowledged before its fsync gets one within a tick. A failed one
  // is said by the log, which then takes nothing more.
  (void)wal_->Sync();
  {
    base::MutexLock lock(maintenance_mutex_);
    flush_wanted_ = false;
  }
  if (const std::optional<FlushReason> reason = FlushDue(now_steady_ms)) {
    triggers_->Begin(*reason, now_steady_ms);
    const absl::Status status = Flush();
    if (*reason == FlushReason::kMemory) base::ReturnFreeMemory();
    base::MutexLock lock(maintenance_mutex_);
    if (!status.ok() && !absl::IsUnavailable(status)) {
      static base::LogEvery every(10'000);
      if (every.Due()) base::LogError("flush: ", base::Message(status));
    }
    if (!status.ok()) {
      (void)maintenance_wake_.WaitFor(lock, absl::Milliseconds(kFlushRetryMs));
      triggers_->Want(FlushReason::kRetry);
      flush_wanted_ = !stopping_;
    }
  }
  if (now_steady_ms < retention_at_ms) return;
  retention_at_ms = now_steady_ms + kRetentionIntervalMs;
  if (name_usage_ != nullptr) (void)name_usage_->Save();  // once more later
  const absl::Status status = ApplyRetention();
  if (!status.ok() && !absl::IsUnavailable(status)) {
    base::LogError("retention: ", base::Message(status));
  }
  ExpireSnapshots();
}

std::optional<FlushReason> EngineImpl::FlushDue(int64_t now_steady_ms) const {
  return triggers_->Due({.steady_ms = now_steady_ms,
                         .head_bytes = head_->ActiveStats().bytes + kind_head_->bytes(),
                         .log_bytes = wal_->bytes(),
                         .memory_bytes = base::ProcessMemoryBytes()});
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
  RETURN_IF_ERROR(ExpireTombstones(first_kept));
  const std::shared_ptr<const BlockFamilies> before = Blocks();
  auto after = std::make_shared<BlockFamilies>(*before);
  std::vector<int32_t> dropped_families;
  std::erase_if(after->open_days, [&](const DayFamily& open) {
    if (open.day >= first_kept) return false;
    dropped_families.push_back(open.day);
    return true;
  });
  const auto kept = after->days.lower_bound(first_kept);
  const bool days_dropped = kept != after->days.begin();
  KvBatch meta;
  for (auto it = after->days.begin(); it != kept; ++it) {
    meta.Delete(*meta_, DayRowKey(it->first));
  }
  after->days.erase(after->days.begin(), kept);
  if (!days_dropped && dropped_families.empty()) return ForgetUnused(false);

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
  return ForgetUnused(true);
}

}  // namespace varve::storage
