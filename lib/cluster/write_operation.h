// One Writer::Write: define what is new, send the rows, count the copies.
//
// Threads: belongs to the thread of the write.
#ifndef VARVE_LIB_CLUSTER_WRITE_OPERATION_H_
#define VARVE_LIB_CLUSTER_WRITE_OPERATION_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "lib/cluster/missed_ledger.h"
#include "lib/cluster/name_ledger.h"
#include "lib/cluster/view_keeper.h"
#include "lib/cluster/writer.h"
#include "lib/wire/data_frame_builder.h"

namespace varve::cluster {

// What the writer keeps and counts per node.
struct WriterNode {
  std::atomic<int64_t> in_flight_bytes{0};
  telemetry::Counter* rows_pushed = nullptr;
  telemetry::Counter* rows_sent = nullptr;
  telemetry::Counter* rows_rerouted_from = nullptr;
  telemetry::Counter* rows_rerouted_to = nullptr;
  telemetry::Counter* connection_errors = nullptr;
  telemetry::Gauge* rows_pending = nullptr;
  telemetry::Gauge* bytes_pending = nullptr;
  telemetry::Gauge* send_seconds = nullptr;
};

// What all writes of a writer share.
struct WriterCore {
  NodeSet* nodes = nullptr;
  WriterOptions options;
  std::unique_ptr<ViewKeeper> keeper;
  MissedLedger ledger;
  NameLedger names;
  std::vector<WriterNode> per_node;
  telemetry::Counter* rows_incomplete = nullptr;
  std::atomic<int64_t> accept_ms{0};
};

class WriteOperation {
 public:
  WriteOperation(WriterCore& core, const WriteView& view,
                 std::span<SeriesRows> rows,
                 std::span<const MetadataRows> metadata,
                 const model::Tenant* named);
  // Settles what is still counted as under way.
  ~WriteOperation();

  absl::Status Run();

 private:
  // A copy of one series at one node: rows_[row], its k-th copy.
  struct Copy {
    uint32_t row = 0;
    uint32_t k = 0;
  };
  struct Sent {
    std::unique_ptr<rpc::Call> call;
    size_t first = 0;  // of the node's definitions asked by this call
    size_t count = 0;
  };
  struct PerNode {
    std::vector<Copy> definitions;
    std::vector<Sent> calls;
    int64_t rows = 0;
    int64_t bytes = 0;
    bool failed = false;
    absl::Status error;
  };
  struct MissedSlots {
    std::vector<uint32_t> slots;
    model::TimeRange span{INT64_MAX, INT64_MIN};
  };
  // The first of the rows that share a route to be defined.
  struct FirstRow {
    uint32_t row = 0;
    size_t size = 0;  // of all of them
  };
  struct Repeat {
    uint32_t row = 0;
    uint32_t first = 0;
  };
  using MissedBy = std::map<std::pair<uint64_t, uint16_t>, MissedSlots>;

  // The tenant's name on all nodes that are up, before anything under it.
  absl::Status RegisterName();
  absl::Status Plan();
  // True when an earlier row defines the series for this one too.
  bool IsRepeat(uint32_t i);
  absl::Status PlanDefinition(uint32_t i);
  absl::Status Define();
  void StartDefine(size_t node);
  absl::Status TakeDefined(size_t node, const Sent& sent,
                           const std::string& answer);
  void SendFrame(size_t node, wire::DataFrameBuilder& builder);
  static void AddRows(const SeriesRows& row, uint64_t ref,
                      wire::DataFrameBuilder& builder);
  void AddMetadata(std::vector<wire::DataFrameBuilder>& builders,
                   int64_t accept_ms) const;
  void StartData();
  // How long `node` is waited for when `answered` others have answered.
  int64_t DeadlineFor(size_t node, uint32_t answered) const;
  absl::Status CollectData();
  absl::Status TakeAck(size_t node, const std::string& answer);
  absl::Status CountCopies();
  absl::Status CountMetadataCopies() const;
  absl::Status RecordMissed(const MissedBy& missed);
  void CountSent();

  bool Reaches(const SeriesRows& row, uint32_t k) const {
    const uint16_t node = row.route->nodes[k];
    return node != kNoNode && view_.live[node] && !per_node_[node].failed &&
           row.route->refs[k] != kNoRef &&
           row.refused == model::Refusal::kNone;
  }
  void Fail(size_t node, absl::Status error);
  // Unavailable with the errors of the nodes that failed.
  absl::Status TooFew() const;
  int64_t NextAcceptMs();

  WriterCore& core_;
  const WriteView& view_;
  const std::span<SeriesRows> rows_;
  const std::span<const MetadataRows> metadata_;
  const model::Tenant* const named_;  // null: no name
  const int64_t start_ms_;
  const int64_t deadline_ms_;
  std::vector<PerNode> per_node_;
  absl::flat_hash_map<const SeriesRoute*, FirstRow> defined_;
  std::vector<Repeat> repeats_;
  bool any_failed_ = false;
  bool any_detour_ = false;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_WRITE_OPERATION_H_
