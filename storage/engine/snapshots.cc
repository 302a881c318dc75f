// Snapshots of the engine. While one is made no log is cut and no table comes
// or goes (flush_mutex_): the log is rotated, so that everything acknowledged
// is in closed segments; data/ is taken before index/, so that every series of
// a block is known; the log is linked last and has what is after the blocks.
#include <array>

#include "lib/base/log.h"
#include "lib/base/status.h"
#include "storage/engine/engine_impl.h"

namespace varve::storage {
namespace {

constexpr std::array<std::string_view, 2> kDatabases = {"data", "index"};

}  // namespace

absl::StatusOr<std::string> EngineImpl::CreateSnapshot() {
  RETURN_IF_ERROR(CheckRunning());
  const int64_t begin_ms = options_.clock->SteadyMs();
  ASSIGN_OR_RETURN(const std::unique_ptr<SnapshotDraft> draft,
                   snapshots_->Begin(options_.clock->NowMs()));
  {
    base::MutexLock lock(flush_mutex_);
    RETURN_IF_ERROR(wal_->Rotate());
    RETURN_IF_ERROR(data_->Checkpoint(draft->CheckpointDir("data")));
    RETURN_IF_ERROR(index_db_->Checkpoint(draft->CheckpointDir("index")));
    RETURN_IF_ERROR(draft->LinkLog(wal_->ClosedSegments()));
  }
  ASSIGN_OR_RETURN(const std::string name,
                   draft->Commit(kDatabases, node_id_));
  base::LogInfo("created the snapshot ", name, " in ",
                options_.clock->SteadyMs() - begin_ms, " ms");
  return name;
}

absl::StatusOr<std::vector<std::string>> EngineImpl::ListSnapshots() const {
  return snapshots_->List();
}

absl::Status EngineImpl::DeleteSnapshot(const std::string& name) {
  RETURN_IF_ERROR(CheckRunning());
  RETURN_IF_ERROR(snapshots_->Delete(name));
  base::LogInfo("deleted the snapshot ", name);
  return absl::OkStatus();
}

void EngineImpl::ExpireSnapshots() {
  if (options_.snapshots_age_max_ms <= 0) return;
  const absl::Status status = snapshots_->DeleteOlder(
      options_.clock->NowMs() - options_.snapshots_age_max_ms);
  if (!status.ok()) base::LogError("snapshots: ", base::Message(status));
}

}  // namespace varve::storage
