// The replay of one hint log over one connection: what the owner calls each
// series of the log, and the calls under way.
//
// Errors:  those of the calls; Aborted when the owner asked for definitions
//          anew too often; Cancelled after a stop of the worker.
// Threads: belongs to the worker's.
#ifndef VARVE_LIB_REPAIR_HINT_SESSION_H_
#define VARVE_LIB_REPAIR_HINT_SESSION_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "lib/model/tenant.h"
#include "lib/repair/byte_rate.h"
#include "lib/repair/worker.h"
#include "net/rpc/rpc.h"
#include "proto/varve_rpc.pb.h"
#include "storage/engine/engine.h"
#include "storage/engine/hints.h"

namespace varve::repair {

class HintSession {
 public:
  // All outlive it. `bytes_per_second` 0: no bound.
  HintSession(const storage::Engine* engine, storage::HintReplay* log,
              rpc::Channel* channel, Worker* worker, int64_t bytes_per_second)
      : engine_(engine),
        log_(log),
        channel_(channel),
        worker_(worker),
        rate_(bytes_per_second) {}

  // Rings first: rows that were routed by one that the owner has never seen
  // would make its answers look incomplete.
  absl::Status PutRings();
  // What HintReplay::Next chose, fsynced by the owner when it returns.
  absl::Status SendRows();

  rpc::Channel* channel() const { return channel_; }
  int64_t rows() const { return rows_; }        // that the owner has taken
  int64_t dropped() const { return dropped_; }  // refused, or out of retention

 private:
  absl::StatusOr<std::string> Call(uint8_t method, std::string payload);
  // Series of the log that the owner was not asked for yet.
  absl::Status DefineNew();
  absl::Status Define(std::span<const uint64_t> refs,
                      const proto::DefineRequest& request);
  // False: another name has the id there, or it takes no more names.
  absl::StatusOr<bool> TellName(const model::TenantId& tenant);
  // One pass over the segment; Aborted: the owner wants definitions anew.
  absl::Status SendOnce();
  absl::Status SendRecord(std::string_view record);
  absl::Status TakeAck(rpc::Call& call);
  void Forget();

  const storage::Engine* const engine_;
  storage::HintReplay* const log_;
  rpc::Channel* const channel_;
  Worker* const worker_;

  uint64_t ref_epoch_ = 0;
  std::vector<uint64_t> refs_;  // by ref of the log; 0: refused
  std::set<uint64_t> named_;    // tenants whose names were told
  std::set<uint64_t> refused_;  // and those refused
  std::deque<std::unique_ptr<rpc::Call>> calls_;
  ByteRate rate_;
  int64_t rows_ = 0;
  int64_t dropped_ = 0;
  int64_t pass_rows_ = 0;     // of SendOnce
  int64_t pass_dropped_ = 0;
};

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_HINT_SESSION_H_
