// Reads from all storage nodes: fan-out, merge of replicas, deduplication.
//
// The nodes may be select nodes of a level below, which answer for their storage
// nodes: all of them are read, and one whose answer is partial counts as failed.
//
// Partial: an answer is partial when, in at least `global_replication_factor`
// groups, the nodes that failed reach the group's replication factor. Once one
// failed, these count too: nodes that lack rows of the time range, by a MISSED
// record that was told or as they say themselves, and members of the newest
// ring that are none of the nodes. A group counts as failed as well when a ring
// had fewer members than copies were to be made, and all who tell so failed:
// such rows are with members of the ring, each of which tells, and with nobody
// else. With no node answering at all it is an error (Unavailable). A storage
// node's own error (a limit, a bad matcher) fails the read at once, with its
// text.
//
// A node that says it is replaying its log counts as failed, with its data
// used. Errors on the way (connection, damage, time) count as the node's.
//
// One node's series are passed on as they come. So are several nodes' where
// each slot is read from one of them (ReadRequest::one_copy, read_planner.h);
// when one of these fails, others read the rest of its share
// (planned_shares.h).
// Else they are held until all have ended, since each streams in an order of
// its own, and merged by series hash.
//
// Threads: all members from any thread; a SeriesMerge belongs to one.
#ifndef VARVE_LIB_CLUSTER_READER_H_
#define VARVE_LIB_CLUSTER_READER_H_

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/base/memory_pool.h"
#include "lib/base/thread_pool.h"
#include "lib/cluster/node_set.h"
#include "lib/cluster/read_meter.h"
#include "lib/model/downsampling.h"
#include "lib/model/exemplar.h"
#include "lib/model/histogram.h"
#include "lib/model/label.h"
#include "lib/model/matcher.h"
#include "lib/model/metadata.h"
#include "lib/model/sample.h"
#include "lib/model/start_run.h"
#include "lib/model/tenant.h"
#include "lib/model/time_range.h"
#include "lib/telemetry/metrics.h"
#include "lib/telemetry/trace.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {

class ReadPlanner;
class RollupRead;
struct MergeContext;
struct ReadPlan;

struct ReadRequest {
  model::TenantId tenant;
  // Of a tenant with a name: nodes where another one has the id answer that
  // there is nothing.
  std::string tenant_name;
  std::vector<model::Matchers> matcher_groups;
  model::TimeRange range;
  std::string slots;       // model::SlotSet: only series of these; "": all
  int64_t series_max = 0;  // 0: the storage decides
  bool labels_only = false;
  bool exemplars = false;  // instead of samples
  bool starts = false;     // start timestamps beside samples
  bool keep_all = false;   // as ReaderOptions::dedup's, for this read
  bool deny_partial = false;  // a partial answer is an Unavailable error
  // Read each series from one node where that is exact. The caller starts
  // again without it when a read ends with Aborted: after the first series had
  // been given out, a node failed of whose share no other may answer for all,
  // or what a node is complete for changed.
  bool one_copy = false;
  int64_t deadline_steady_ms = INT64_MAX;
  // Asked often, from any thread: true ends the read soon with Cancelled, on
  // the storage nodes too. May be null, as may the two below.
  std::function<bool()> cancelled;
  ReadMeter* meter = nullptr;
  telemetry::Trace* trace = nullptr;  // gets a part for each node
};

// What one node says of the past of a range of time, before it was read. While
// a node's is the same, what is settled reads the same there.
struct NodeHistory {
  uint64_t node_id = 0;
  uint64_t coverage_version = 0;
  uint64_t changes = 0;
  model::TimeRange settled;

  bool SameAs(const NodeHistory& other) const {
    return node_id == other.node_id &&
           coverage_version == other.coverage_version &&
           changes == other.changes;
  }
};

// Told once the whole answer has been read.
struct ReadOutcome {
  // Of MISSED records without an owner: from how many levels above.
  struct ShortRing {
    uint64_t ring = 0;
    uint32_t levels_above = 0;
    friend auto operator<=>(const ShortRing&, const ShortRing&) = default;
  };
  bool is_partial = false;
  std::vector<std::string> warnings;  // why: addresses and errors
  model::DedupRule dedup;             // of this node and those that answered
  // Of a search, by node. Empty unless every node answered.
  std::vector<NodeHistory> histories;
  // Whose copies of rows in the request's time range nodes know to be missing,
  // by node id: of these nodes, or of clusters beside this one.
  std::vector<uint64_t> lacking;
  // Likewise the rings of levels above that were short of members.
  std::vector<ShortRing> short_rings;
};

struct MergedSeries {
  model::LabelSet labels;
  model::SampleColumns samples;  // of all replicas, deduplicated
  model::HistogramColumns histograms;      // likewise
  std::vector<model::Exemplar> exemplars;  // likewise
  model::StartRuns starts;                 // joined
};

// Series of all nodes, each once; replicas are merged by series hash.
class SeriesMerge {
 public:
  virtual ~SeriesMerge() = default;
  // Replaces `batch`; an empty batch is the end.
  virtual absl::Status Next(std::vector<MergedSeries>& batch) = 0;
  // REQUIRES: Next gave the end.
  virtual const ReadOutcome& outcome() const = 0;
};

struct ReaderOptions {
  // -replicationFactor on select, by group; "" is the default group.
  std::vector<std::pair<std::string, int>> replication_factors;
  int global_replication_factor = 1;
  // All copies are read, and when the nodes that answered are enough the others
  // are given up (slow_replicas.h).
  bool skip_slow_replicas = false;
  bool all_copies = false;  // whatever ReadRequest::one_copy says
  bool pushdown = true;     // false: Rollup gives null
  // Nodes apply their own rule; the larger interval holds, and all distinct
  // (timestamp, value) pairs are kept where either side says keep_all and
  // neither has an interval.
  model::DedupRule dedup;
  // Applied to merged samples: a replica that lacks an interval's last sample
  // kept another.
  model::DownsampleRules downsampling;
  // -search.maxMemoryPerQuery: what series held for merging may take, each
  // search; ResourceExhausted above it. 0: no limit.
  int64_t memory_bytes_max = 0;
  // What all searches and queries of the process hold together; may be null.
  base::MemoryPool* memory_pool = nullptr;
  // Reads and decodes nodes side by side. Null: the reader has its own.
  base::ThreadPool* pool = nullptr;
  // Shares of failed nodes that others were asked for; may be null.
  telemetry::Counter* shares_asked_again = nullptr;
  // Of plans: when nodes are asked again.
  const base::Clock* clock = &base::SystemClock();

  int ReplicationFactor(const std::string& group) const;
};

class Reader {
 public:
  // `nodes` outlive the reader and its merges.
  Reader(NodeSet* nodes, ReaderOptions options);
  ~Reader();

  absl::StatusOr<std::unique_ptr<SeriesMerge>> Search(
      const ReadRequest& request);
  // `work` says what to compute; its search is filled from `request`. Null
  // where the nodes cannot do it: the caller searches instead.
  absl::StatusOr<std::unique_ptr<RollupRead>> Rollup(
      const ReadRequest& request, proto::RollupRequest work);
  // Sorted, without repeats. `label` "": names; else its values.
  absl::StatusOr<std::vector<std::string>> Labels(const ReadRequest& request,
                                                  const std::string& label,
                                                  int64_t limit,
                                                  ReadOutcome& outcome);
  // Counts of distinct series over all nodes, each series once however its
  // copies lie. `top_n` 0: nothing but the total, which costs less.
  absl::StatusOr<proto::CardinalityResponse> Cardinality(
      const ReadRequest& request, const std::string& focus_label,
      int64_t top_n, ReadOutcome& outcome);
  // By metric; `metric` "": all. Of what nodes differ in the later write.
  absl::StatusOr<std::vector<model::StoredMetadata>> Metadata(
      const ReadRequest& request, const std::string& metric, int64_t limit,
      ReadOutcome& outcome);
  // Metric names of the request's tenant by queries, then name, ascending. A
  // query counts once however many nodes it read.
  absl::StatusOr<proto::NameUsageResponse> NameUsage(
      const ReadRequest& request, ReadOutcome& outcome);
  // Of all tenants, on all nodes; an error when any did not answer.
  absl::Status ResetNameUsage(const ReadRequest& request);
  // Those with a name have it, where any node told it.
  absl::StatusOr<std::vector<model::Tenant>> Tenants(
      const ReadRequest& request, ReadOutcome& outcome);
  // Of each range the histories by node, told in the order of the ranges.
  // Unavailable unless every node answers.
  absl::StatusOr<std::vector<std::vector<NodeHistory>>> Histories(
      const ReadRequest& request, std::span<const model::TimeRange> ranges);

 private:
  base::ThreadPool& pool();
  MergeContext ContextOf(std::shared_ptr<const NodeList> nodes,
                         const ReadRequest& request);
  // `slots` "": all.
  absl::StatusOr<std::unique_ptr<SeriesMerge>> StartSearch(
      std::shared_ptr<const NodeList> nodes, const ReadRequest& request,
      const std::string& slots);

  proto::SearchRequest SearchMessage(const ReadRequest& request) const;

  NodeSet* const nodes_;
  const ReaderOptions options_;
  const std::unique_ptr<base::ThreadPool> own_pool_;
  const std::unique_ptr<ReadPlanner> planner_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_READER_H_
