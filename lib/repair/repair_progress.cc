#include "lib/repair/repair_progress.h"

#include <utility>

namespace varve::repair {

RepairProgress::RepairProgress(telemetry::Metrics* metrics)
    : rows_(metrics->AddCounter("varve_repair_rows_total")),
      dropped_rows_(metrics->AddCounter("varve_repair_dropped_rows_total")),
      bytes_(metrics->AddCounter("varve_repair_bytes_total")),
      errors_(metrics->AddCounter("varve_repair_errors_total")),
      passes_(metrics->AddCounter("varve_repair_passes_total")),
      pending_(metrics->AddGauge("varve_repair_pending_parts")),
      ended_s_(metrics->AddGauge("varve_repair_last_pass_timestamp_seconds")),
      complete_(metrics->AddGauge("varve_repair_last_pass_complete")) {}

void RepairProgress::Force() {
  base::MutexLock lock(mutex_);
  forced_ = true;
}

bool RepairProgress::TakeForced() {
  base::MutexLock lock(mutex_);
  return std::exchange(forced_, false);
}

void RepairProgress::Reached(uint64_t node_id, bool reached) {
  base::MutexLock lock(mutex_);
  if (reached) {
    reached_.insert(node_id);
  } else {
    reached_.erase(node_id);
  }
}

bool RepairProgress::WasReached(uint64_t node_id) const {
  base::MutexLock lock(mutex_);
  return reached_.count(node_id) > 0;
}

void RepairProgress::Begin(std::vector<PeerProgress> peers) {
  base::MutexLock lock(mutex_);
  running_ = true;
  peers_.clear();
  for (PeerProgress& one : peers) {
    const uint64_t node_id = one.node_id;
    peers_[node_id] = std::move(one);
  }
  // Another node is at its address, or it is in no ring any more.
  std::erase_if(reached_, [this](uint64_t node_id) REQUIRES_LOCK(mutex_) {
    return peers_.count(node_id) == 0;
  });
}

void RepairProgress::End(int64_t began_ms, int64_t now_ms, bool complete) {
  base::MutexLock lock(mutex_);
  running_ = false;
  began_ms_ = began_ms;
  ended_ms_ = now_ms;
  pending_parts_ = 0;
  pending_.Set(0);
  passes_.Increment();
  ended_s_.Set(static_cast<double>(now_ms) / 1000);
  complete_.Set(complete ? 1 : 0);
}

void RepairProgress::PeerDone(uint64_t node_id, std::string error,
                              bool failed) {
  if (failed) errors_.Increment();
  base::MutexLock lock(mutex_);
  peers_[node_id].error = std::move(error);
}

void RepairProgress::AddPending(int64_t parts) {
  base::MutexLock lock(mutex_);
  pending_parts_ += parts;
  pending_.Set(static_cast<double>(pending_parts_));
}

void RepairProgress::AddPulled(uint64_t node_id, int64_t rows, int64_t dropped,
                               int64_t bytes) {
  rows_.Add(rows);
  dropped_rows_.Add(dropped);
  bytes_.Add(bytes);
  base::MutexLock lock(mutex_);
  peers_[node_id].rows += rows;
}

ProgressView RepairProgress::View() const {
  base::MutexLock lock(mutex_);
  ProgressView view = {.running = running_,
                       .passes = passes_.value(),
                       .complete = complete_.value() != 0,
                       .began_ms = began_ms_,
                       .ended_ms = ended_ms_,
                       .pending_parts = pending_parts_,
                       .rows = rows_.value(),
                       .dropped_rows = dropped_rows_.value(),
                       .bytes = bytes_.value(),
                       .errors = errors_.value()};
  for (const auto& [node_id, one] : peers_) view.peers.push_back(one);
  return view;
}

}  // namespace varve::repair
