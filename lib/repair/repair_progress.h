// How the repair of this node's copies goes on: for operators, and their wish
// that a pass begins at once.
//
// Metrics: varve_repair_rows_total, varve_repair_bytes_total,
//          varve_repair_dropped_rows_total, varve_repair_errors_total,
//          varve_repair_passes_total, varve_repair_pending_parts,
//          varve_repair_last_pass_timestamp_seconds,
//          varve_repair_last_pass_complete.
// Threads: all members from any thread.
#ifndef VARVE_LIB_REPAIR_REPAIR_PROGRESS_H_
#define VARVE_LIB_REPAIR_REPAIR_PROGRESS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/telemetry/metrics.h"

namespace varve::repair {

// Of another node, as the last pass that came to it found it.
struct PeerProgress {
  uint64_t node_id = 0;
  std::string address;
  bool is_member = true;  // of the newest ring
  int64_t slots = 0;   // shared with it
  int64_t rows = 0;    // stored, of the last pass
  std::string error;   // "": all of it was compared and pulled
};

struct ProgressView {
  bool running = false;
  int64_t passes = 0;
  bool complete = false;     // the last pass: no member was left out
  int64_t began_ms = 0;      // of the pass that ended last; 0: none has
  int64_t ended_ms = 0;
  int64_t pending_parts = 0;
  int64_t rows = 0;
  int64_t dropped_rows = 0;
  int64_t bytes = 0;
  int64_t errors = 0;
  std::vector<PeerProgress> peers;
};

class RepairProgress {
 public:
  // `metrics` outlives it.
  explicit RepairProgress(telemetry::Metrics* metrics);

  // A pass is wanted now.
  void Force();
  // Once for each wish.
  bool TakeForced();

  // Whether the node was connected when its turn in a pass came.
  void Reached(uint64_t node_id, bool reached);
  // The last time that was told; not of a node that the last pass left out for
  // good.
  bool WasReached(uint64_t node_id) const;

  void Begin(std::vector<PeerProgress> peers);
  void End(int64_t began_ms, int64_t now_ms, bool complete);
  // The part of the pass that is about this node is over. `failed`: the error
  // is one to count.
  void PeerDone(uint64_t node_id, std::string error, bool failed);
  // Parts of hours (or days that were not looked into) that differ.
  void AddPending(int64_t parts);
  void AddPulled(uint64_t node_id, int64_t rows, int64_t dropped,
                 int64_t bytes);

  ProgressView View() const;

 private:
  telemetry::Counter& rows_;
  telemetry::Counter& dropped_rows_;
  telemetry::Counter& bytes_;
  telemetry::Counter& errors_;
  telemetry::Counter& passes_;
  telemetry::Gauge& pending_;
  telemetry::Gauge& ended_s_;
  telemetry::Gauge& complete_;

  mutable base::Mutex mutex_;
  bool forced_ GUARDED_BY(mutex_) = false;
  bool running_ GUARDED_BY(mutex_) = false;
  int64_t began_ms_ GUARDED_BY(mutex_) = 0;
  int64_t ended_ms_ GUARDED_BY(mutex_) = 0;
  int64_t pending_parts_ GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, PeerProgress> peers_ GUARDED_BY(mutex_);
  std::set<uint64_t> reached_ GUARDED_BY(mutex_);
};

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_REPAIR_PROGRESS_H_
