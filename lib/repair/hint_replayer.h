// Brings the hints that this node keeps for others to them, when they are back.
//
// One log after the other, oldest first, what it has when its turn comes: the
// rings it keeps (PUTRING), names of tenants, the dictionary (DEFINE, which
// gives the owner's refs), then the rows segment by segment under these refs
// (HINTREPLAY). A segment goes when the owner has fsynced it, so that a crash
// of either side repeats a segment at most, which changes nothing. A log
// without rows is done.
//
// Series and names of tenants that the owner refuses, by a limit of its own,
// are left out: such a log ends, but is not done, so that MISSED records stay.
// So does a log for a node that was forgotten since (forgotten_nodes.h), whose
// rows are dropped.
//
// Failures: an owner that cannot be reached is dialed again by its channel;
//           any other error is counted, logged, and tried again after 1 to 30
//           seconds.
// Threads:  one of its own; bytes and ages are told to scrapes.
#ifndef VARVE_LIB_REPAIR_HINT_REPLAYER_H_
#define VARVE_LIB_REPAIR_HINT_REPLAYER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/repair/hint_session.h"
#include "lib/repair/peers.h"
#include "lib/repair/worker.h"
#include "lib/telemetry/metrics.h"
#include "storage/engine/engine.h"
#include "storage/engine/hints.h"

namespace varve::repair {

struct HintReplayerOptions {
  int64_t bytes_per_second = 0;  // as sent; 0: no bound
  // A log without rows is done when none came for so long: while an insert
  // node alone cannot reach the owner, each done log would cost it all its
  // definitions anew.
  absl::Duration quiet = absl::Seconds(3);
  absl::Duration interval = absl::Milliseconds(500);
  absl::Duration backoff_min = absl::Seconds(1);
  absl::Duration backoff_max = absl::Seconds(30);
};

class HintReplayer {
 public:
  // All outlive it.
  HintReplayer(storage::Engine* engine, Dial dial,
               const HintReplayerOptions& options, telemetry::Metrics* metrics);
  ~HintReplayer();

 private:
  struct Owner {
    int64_t due_steady_ms = 0;
    absl::Duration backoff;
  };
  // Kept while its connection is, so that nothing is defined twice.
  struct Replay {
    explicit Replay(storage::HintReplay log) : log(std::move(log)) {}
    storage::HintReplay log;
    uint64_t connection = 0;
    std::unique_ptr<HintSession> session;
  };
  using LogKey = std::pair<uint64_t, uint64_t>;  // owner, log

  void Look(Worker& worker);
  // OK too while there is no connection.
  absl::Status GoOn(Worker& worker, Replay& replay);
  // Null: not connected.
  absl::StatusOr<HintSession*> SessionOf(Worker& worker, Replay& replay);
  // Its owner is forgotten.
  absl::Status Drop(Replay& replay);
  void ForgetEnded(const std::vector<storage::HintReplay>& logs);
  void Failed(uint64_t owner, const absl::Status& status);
  // Its address; its id while no ring has one.
  std::string NameOf(uint64_t owner) const;
  void ShowOwner(uint64_t owner);

  storage::Engine* const engine_;
  const HintReplayerOptions options_;
  telemetry::Metrics* const metrics_;
  telemetry::Counter& replayed_rows_;
  telemetry::Counter& dropped_rows_;
  telemetry::Counter& errors_;
  Peers peers_;
  std::map<uint64_t, Owner> owners_;
  std::map<LogKey, Replay> replays_;
  std::set<std::string> shown_;
  std::minstd_rand random_{std::random_device{}()};
  std::optional<Worker> worker_;
};

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_HINT_REPLAYER_H_
