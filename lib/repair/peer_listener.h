// Hears from the other members of the newest ring which rows they know this
// node to lack: the MISSED records that they keep of it, and until when rows
// came to them by other rings.
//
// Why:     while it was down, or could not be reached, writes went on without
//          it, and only who took them knows. When that node goes too before the
//          rows are made up for, this one has to say that it may lack some
//          (storenode/ring_coverage.h).
// Threads: one of its own.
#ifndef VARVE_LIB_REPAIR_PEER_LISTENER_H_
#define VARVE_LIB_REPAIR_PEER_LISTENER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/model/time_range.h"
#include "lib/repair/peers.h"
#include "lib/repair/worker.h"
#include "net/rpc/rpc.h"
#include "storage/engine/engine.h"

namespace varve::repair {

// Who is to be heard, and what each said.
struct Hearing {
  // Called again and again while this node listens. False: it did not for a
  // while, and what was heard before counts no more.
  std::function<bool()> listens;
  std::function<std::set<uint64_t>()> members;
  // `other_rows_ms` as in proto Coverage.
  std::function<void(uint64_t node_id, std::vector<model::TimeRange> lacked,
                     int64_t other_rows_ms)>
      heard;
};

class PeerListener {
 public:
  // Each is asked again `interval` after the last time, with many of them less
  // often; one that cannot be reached sooner at first. All outlive it.
  PeerListener(storage::Engine* engine, Hearing hearing, Dial dial,
               absl::Duration interval = absl::Milliseconds(500));

 private:
  struct Turn {
    int64_t due_steady_ms = 0;
    int64_t unreached_ms = 0;  // the last wait for one that cannot be reached
    std::unique_ptr<rpc::Call> call;  // under way
    int64_t end_steady_ms = 0;        // of its patience
  };

  void Look();
  void Ask(uint64_t node_id, int64_t period_ms, Turn& turn);
  // Waits until `wait_end_ms` at most; the call may go on.
  void Take(uint64_t node_id, int64_t wait_end_ms, Turn& turn);
  absl::Status Hear(uint64_t node_id,
                    const absl::StatusOr<std::optional<std::string>>& answer);

  storage::Engine* const engine_;
  const Hearing hearing_;
  const absl::Duration interval_;
  Peers peers_;
  std::map<uint64_t, Turn> turns_;
  Worker worker_;  // last: its thread uses the others
};

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_PEER_LISTENER_H_
