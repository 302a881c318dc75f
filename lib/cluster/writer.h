// Writes rows to their owners and answers when enough copies are stored.
//
// Placement: slot -> RF nodes by lib/placement over the ids the nodes told.
// Acknowledged: every row is stored by RF distinct nodes, or by at least
// `copies_min` when nodes are down; then a MISSED record (owner, slots, span)
// is stored by every node that has a copy before the write is acknowledged,
// and vm_rpc_rows_incompletely_replicated_total counts the rows. Fewer:
// Unavailable. RF = 1 with its node down: the next node of the slot takes it.
//
// Hot path: the caller keeps a SeriesRoute per series it knows; no labels are
// sent for it.
//
// Threads: all members from any thread.
#ifndef VARVE_LIB_CLUSTER_WRITER_H_
#define VARVE_LIB_CLUSTER_WRITER_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/cluster/node_set.h"
#include "lib/model/label.h"
#include "lib/model/tenant.h"
#include "lib/telemetry/metrics.h"

namespace varve::cluster {

inline constexpr size_t kReplicationFactorMax = 4;

// Where one series is written: valid within one generation of the writer,
// which changes with the ring and with any owner's ref epoch.
struct SeriesRoute {
  uint32_t generation = 0;  // 0: not defined yet
  std::array<uint16_t, kReplicationFactorMax> nodes{};
  std::array<uint64_t, kReplicationFactorMax> refs{};
};

struct SeriesRows {
  model::TenantId tenant;
  uint16_t slot = 0;
  SeriesRoute* route = nullptr;  // filled when its generation is old
  // Canonical labels; may be empty while the route is of this generation.
  std::string_view labels;
  std::span<const int64_t> timestamps_ms;
  std::span<const double> values;
};

struct WriterOptions {
  int replication_factor = 1;
  int copies_min = 0;  // 0: max(1, replication_factor - 1)
  uint8_t ack = 0;     // as storage::AckLevel
  absl::Duration timeout = absl::Seconds(10);
  telemetry::Metrics* metrics = nullptr;
};

class Writer {
 public:
  Writer(NodeSet* nodes, WriterOptions options);
  ~Writer();

  // The present generation; routes of another one must carry labels.
  uint32_t generation() const;

  // Stores all rows or says why not; on an error some copies may be stored,
  // which a retry does not double. REQUIRES: rows whose route is of another
  // generation have `labels`. Errors: Unavailable (retry later; 503).
  absl::Status Write(std::span<SeriesRows> rows);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_WRITER_H_
