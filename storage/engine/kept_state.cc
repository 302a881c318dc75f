// State records: small values by key, logged when they are put and written to
// meta by each flush. In the log and in meta an empty value is a dropped key.
#include "lib/base/status.h"
#include "storage/engine/engine_impl.h"
#include "storage/engine/log_record.h"

namespace varve::storage {
namespace {

// Rings, MISSED and the like are small; this bounds what a peer can grow.
constexpr size_t kStateKeysMax = 100'000;
constexpr size_t kStateBytesMax = 1 << 20;

}  // namespace

absl::Status EngineImpl::PutState(std::string_view key,
                                  std::string_view value) {
  RETURN_IF_ERROR(CheckRunning());
  if (key.empty() || value.empty() ||
      key.size() + value.size() > kStateBytesMax) {
    return base::InvalidArgument("state of ", key.size(), " + ", value.size(),
                                 " bytes; at most ", kStateBytesMax,
                                 " are taken");
  }
  bool known = false;
  bool is_new = false;
  {
    base::MutexLock lock(state_mutex_);
    const auto it = kept_state_.find(key);
    is_new = it == kept_state_.end();
    known = it != kept_state_.end() && it->second == value;
    if (it == kept_state_.end() && kept_state_.size() >= kStateKeysMax) {
      return base::ResourceExhausted("over ", kStateKeysMax,
                                     " kept state records");
    }
  }
  // The call that put it first may still be waiting for its fsync.
  if (known) return wal_->Sync();
  uint64_t end = 0;
  {
    const CutGate::Pass pass(gate_);
    ASSIGN_OR_RETURN(
        end, wal_->Append(RecordType::kState, StateRecord(key, value)));
    base::MutexLock lock(state_mutex_);
    SetState(key, value);
  }
  if (key.starts_with(kMissedStatePrefix) ||
      key.starts_with(kCoverageStatePrefix) ||
      (is_new && key.starts_with(kRingStatePrefix))) {
    ++coverage_version_;
  }
  return wal_->WaitDurable(end);
}

absl::Status EngineImpl::DropState(std::string_view key) {
  RETURN_IF_ERROR(CheckRunning());
  bool known = false;
  {
    base::MutexLock lock(state_mutex_);
    known = kept_state_.find(key) != kept_state_.end();
  }
  // The call that dropped it first may still be waiting for its fsync.
  if (!known) return wal_->Sync();
  uint64_t end = 0;
  {
    const CutGate::Pass pass(gate_);
    ASSIGN_OR_RETURN(end,
                     wal_->Append(RecordType::kState, StateRecord(key, "")));
    base::MutexLock lock(state_mutex_);
    SetState(key, "");
  }
  if (key.starts_with(kMissedStatePrefix)) ++coverage_version_;
  return wal_->WaitDurable(end);
}

void EngineImpl::SetState(std::string_view key, std::string_view value) {
  if (!value.empty()) {
    kept_state_.insert_or_assign(std::string(key), std::string(value));
    const auto dropped = dropped_state_.find(key);
    if (dropped != dropped_state_.end()) dropped_state_.erase(dropped);
    return;
  }
  const auto kept = kept_state_.find(key);
  if (kept != kept_state_.end()) kept_state_.erase(kept);
  dropped_state_.emplace(key);
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>>
EngineImpl::ListState(std::string_view key_prefix) const {
  std::vector<std::pair<std::string, std::string>> out;
  base::MutexLock lock(state_mutex_);
  for (auto it = kept_state_.lower_bound(key_prefix);
       it != kept_state_.end() && it->first.starts_with(key_prefix); ++it) {
    out.push_back(*it);
  }
  return out;
}

}  // namespace varve::storage
