// Writes rows to their owners and answers when enough copies are stored.
//
// Placement: slot -> RF nodes by lib/placement over the ids the nodes told.
// Acknowledged: every row is stored by RF distinct nodes, or by at least
// `copies_min` when nodes are down. The copy of an owner that is down goes as
// hints to another node, which hands them to the owner when that is back; an
// owner that is down for longer than hint_age_max, or for which no node takes
// hints, is stood in for by the next nodes of the slot's preference, which
// store the rows as their own (at RF = 1 always). Not enough nodes for
// copies_min: Unavailable.
//
// Missed: for each owner without its copy a MISSED record (owner, slots, span,
// and the log of hints if there is one) is stored by every node that has the
// rows before the write is acknowledged. Rows with fewer than RF copies are
// counted in vm_rpc_rows_incompletely_replicated_total.
//
// A node that fails while it is written to is suspended and the write made
// again: what other nodes have stored already is stored once.
//
// Refused: a series that any of its nodes refuses in the answer to DEFINE (a
// limit, bad labels) is sent to none of them, so that its copies agree.
//
// Names: a write under a tenant with a name first registers the name on every
// node that is up, once per view. InvalidArgument where another name has its
// id; Unavailable while a node that is up is of a release without names.
//
// Hot path: the caller keeps a SeriesRoute per series it knows; no labels are
// sent for it.
//
//   for (int attempt = 0; attempt < kWriteAttemptsMax; ++attempt) {
//     const auto view = writer.View();
//     ... fill rows; labels of those whose route !view->Fits(route) ...
//     status = writer.Write(*view, rows, metadata, named,
//                           attempt + 1 == kWriteAttemptsMax);
//     if (status.code() != absl::StatusCode::kFailedPrecondition) break;
//   }
//
// Threads: all members from any thread.
#ifndef VARVE_LIB_CLUSTER_WRITER_H_
#define VARVE_LIB_CLUSTER_WRITER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/cluster/node_set.h"
#include "lib/cluster/writer_view.h"
#include "lib/model/exemplar.h"
#include "lib/model/metadata.h"
#include "lib/model/refusal.h"
#include "lib/model/start_run.h"
#include "lib/model/tenant.h"
#include "lib/telemetry/metrics.h"

namespace varve::cluster {

// Each attempt after the first follows a change of the view; a cluster that
// changes faster than this is answered 503.
inline constexpr int kWriteAttemptsMax = 4;

// Rows of a series that are not floats; few series have any.
struct OtherRows {
  // Native histograms by their canonical bytes.
  std::span<const int64_t> histogram_timestamps_ms;
  std::span<const std::string_view> histograms;
  std::span<const model::ExemplarView> exemplars;
  std::span<const model::StartRun> starts;  // of all rows of the series
};

// Kept small: a write goes over all of its rows several times.
struct SeriesRows {
  model::TenantId tenant;
  // Filled when it does not fit the view. Rows of one series may share it: the
  // first of them defines the series for all.
  SeriesRoute* route = nullptr;
  // Canonical labels; may be empty while the route fits the view.
  std::string_view labels;
  std::span<const int64_t> timestamps_ms;
  std::span<const double> values;
  const OtherRows* others = nullptr;  // null for none
  uint16_t slot = 0;
  // Set by Write: why no node was sent the rows, which is no error.
  model::Refusal refused = model::Refusal::kNone;

  // What is counted as rows.
  size_t size() const {
    return values.size() + (others == nullptr ? 0 : others->histograms.size());
  }
};

// What metrics of a tenant mean. It goes to every node that is up: any one of
// them can answer, and there is little of it.
struct MetadataRows {
  model::TenantId tenant;
  std::span<const model::MetricMetadata> metadata;
};

struct WriterOptions {
  int replication_factor = 1;
  int copies_min = 0;    // 0: max(1, replication_factor - 1)
  uint8_t ack = 0;       // as storage::AckLevel
  bool compress = true;  // DATA frames; not worth it within one process
  absl::Duration timeout = absl::Seconds(10);
  // How long each step of a write (definitions, rows, MISSED records) waits
  // for a node that others can take the place of.
  absl::Duration laggard_timeout = absl::Seconds(2);
  // How long a node may be down before its copies go to other nodes as their
  // own and not as hints; 0: no hints.
  absl::Duration hint_age_max = absl::Hours(1);
  // Whether other nodes take rows, as their own, of one that cannot be
  // connected to, and of one that can but fails its calls.
  bool reroute_unavailable = true;
  bool reroute_slow = true;
  // How long after the start an unknown node is waited for: without its id
  // the ring would lack it.
  absl::Duration start_grace = absl::Seconds(5);
  telemetry::Metrics* metrics = nullptr;
  const base::Clock* clock = &base::SystemClock();
};

class Writer {
 public:
  // REQUIRES: nodes outlive the writer; options.metrics is set.
  Writer(NodeSet* nodes, WriterOptions options);
  ~Writer();

  // Who owns what at present. Also greets nodes that connected since.
  std::shared_ptr<const WriteView> View();

  // Stores all rows or says why not; on an error some copies may be stored,
  // which a retry does not double. REQUIRES: `view` is of this writer; rows
  // whose route does not fit it have labels; at most kRowsMax rows a series.
  // `named` is the tenant of all rows where that has a name, else null.
  // Unless it is the `last_attempt`, copies_min copies are not enough where a
  // node failed whose copy another attempt can make.
  // `accept_ms`: when a level above took the rows; 0: they are taken now.
  // Errors: FailedPrecondition: the view is outdated, take a new one and
  //         call again; Unavailable (retry later; 503); Internal; of names
  //         InvalidArgument (bad, taken, or too many).
  absl::Status Write(const WriteView& view, std::span<SeriesRows> rows,
                     std::span<const MetadataRows> metadata = {},
                     const model::Tenant* named = nullptr,
                     bool last_attempt = true, int64_t accept_ms = 0);

  // Registers the tenant's name on every node that is up. Errors as of Write.
  absl::Status RegisterName(const model::Tenant& tenant);

  // Has a MISSED record of a level above, a proto Missed, stored by every node
  // that is up; those that come up later get it by MissedSharer. Errors:
  // Unavailable; Internal for one that no node takes.
  absl::Status StoreMissed(std::string_view record);

 private:
  // `write` with one view after another while these are outdated.
  absl::Status Repeat(
      const std::function<absl::Status(const WriteView&, bool last)>& write);

  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_WRITER_H_
