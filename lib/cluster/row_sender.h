// The second step of a write: the rows, as one or a few frames a lane, and the
// nodes' acknowledgements.
//
// Threads: belongs to the thread of the write.
#ifndef VARVE_LIB_CLUSTER_ROW_SENDER_H_
#define VARVE_LIB_CLUSTER_ROW_SENDER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/cluster/write_attempt.h"
#include "lib/wire/data_frame_builder.h"

namespace varve::cluster {

class RowSender {
 public:
  // All outlive it. The rows' routes are defined. `accept_ms` as Writer::Write.
  RowSender(WriteAttempt& attempt, std::span<const SeriesRows> rows,
            std::span<const MetadataRows> metadata, int64_t accept_ms)
      : attempt_(attempt),
        rows_(rows),
        metadata_(metadata),
        accept_ms_(accept_ms),
        lanes_(attempt.view().lane_count()),
        nodes_(attempt.view().node_count()) {}
  // Settles what is still counted as under way.
  ~RowSender();

  // Returns when each lane has acknowledged, or failed.
  absl::Status Run();
  // Counts what was stored; for when all copies are made.
  void CountSent() const;

 private:
  struct Lane {
    std::vector<std::unique_ptr<rpc::Call>> calls;
    int64_t rows = 0;
  };
  // What is under way.
  struct PerNode {
    int64_t rows = 0;
    int64_t bytes = 0;
  };

  void Start();
  void AddMetadata(std::vector<wire::DataFrameBuilder>& builders,
                   int64_t accept_ms) const;
  void SendFrame(uint16_t lane, wire::DataFrameBuilder& builder);
  void CountPending();
  absl::Status Collect(uint16_t lane);
  // Of an answer to rows that were stored.
  void NoteMark(uint16_t node, uint64_t mark);
  absl::Status TakeAck(uint16_t lane, const std::string& answer);
  int64_t NextAcceptMs();

  WriteAttempt& attempt_;
  const std::span<const SeriesRows> rows_;
  const std::span<const MetadataRows> metadata_;
  const int64_t accept_ms_;
  std::vector<Lane> lanes_;
  std::vector<PerNode> nodes_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_ROW_SENDER_H_
