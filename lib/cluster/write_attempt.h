// What the steps of one attempt to write share: the view, the time there is,
// and which nodes and lanes failed meanwhile.
//
// Threads: belongs to the thread of the write.
#ifndef VARVE_LIB_CLUSTER_WRITE_ATTEMPT_H_
#define VARVE_LIB_CLUSTER_WRITE_ATTEMPT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/cluster/missed_ledger.h"
#include "lib/cluster/name_ledger.h"
#include "lib/cluster/view_keeper.h"
#include "lib/cluster/writer.h"
#include "lib/cluster/writer_nodes.h"

namespace varve::cluster {

// What all writes of a writer share.
struct WriterCore {
  WriterOptions options;
  std::unique_ptr<WriterNodes> per_node;
  std::unique_ptr<ViewKeeper> keeper;
  MissedLedger ledger;
  NameLedger names;
  telemetry::Counter* rows_incomplete = nullptr;
  std::atomic<int64_t> accept_ms{0};
};

class WriteAttempt {
 public:
  // `last`: no other attempt follows. Both outlive it.
  WriteAttempt(WriterCore& core, const WriteView& view, bool last);

  WriterCore& core() const { return core_; }
  const WriteView& view() const { return view_; }
  int64_t start_ms() const { return start_ms_; }

  // Up, and without a failure in this attempt.
  bool usable(uint16_t lane) const {
    return lane != kNoLane && usable_[lane] != 0;
  }
  bool any_failed() const { return any_failed_; }
  // Whether this copy of the series is, or will be, stored.
  bool Reaches(const SeriesRows& row, uint32_t k) const {
    return usable(row.route->lanes[k]) && row.route->refs[k] != kNoRef &&
           row.refused == model::Refusal::kNone;
  }

  // The node gave no good answer: nothing is sent to it for a while.
  void Fail(uint16_t node, absl::Status error);
  // The one answer to `call`, named `what`; nullopt when there was none, and
  // the node, or the lane if it is a hint lane, has failed. Internal for what
  // no node would take.
  absl::StatusOr<std::optional<std::string>> Take(rpc::Call& call,
                                                  uint16_t lane,
                                                  std::string_view what);

  // What is waited for from now on is another step of the write.
  void BeginStep();
  // How long `node` is waited for: less while others can take its place, from
  // the step's start, as no node is late for what it was not yet asked.
  int64_t DeadlineFor(uint16_t node) const;
  // FailedPrecondition when a copy failed that another attempt can make.
  absl::Status AgainIfWorthIt() const;
  // Unavailable with the errors of the nodes that failed.
  absl::Status TooFew() const;
  // The same, as something to try again when a node failed just now.
  absl::Status TooFewNow() const;

 private:
  void FailHints(uint16_t lane, const absl::Status& error);
  size_t NodesUp() const;
  // Whether the node is connected at another address, which has not failed.
  bool HasOtherAddress(uint16_t node) const;
  // Whether copies_min copies can be made without `node`.
  bool DispensesWith(uint16_t node) const;

  WriterCore& core_;
  const WriteView& view_;
  const bool last_;
  const int64_t start_ms_;
  int64_t step_start_ms_;
  std::vector<uint8_t> usable_;       // by lane
  std::vector<absl::Status> errors_;  // by node; OK: has not failed
  bool any_failed_ = false;
};

// What only another view can cure: FailedPrecondition.
absl::Status Outdated(std::string_view why);

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_WRITE_ATTEMPT_H_
