// The flags of the select role, under the names operators know.
//
// Lifetime: lives as long as the FlagSet it registers with.
// Threads:  read-only after parsing.
#ifndef VARVE_LIB_QUERY_SELECT_FLAGS_H_
#define VARVE_LIB_QUERY_SELECT_FLAGS_H_

#include <optional>

#include "absl/status/statusor.h"
#include "lib/base/flags.h"
#include "lib/cluster/node_flags.h"
#include "lib/cluster/reader.h"
#include "lib/query/select_api.h"

namespace varve::query {

// In one process with the other roles there are no storage nodes to name, and
// the insert role has a -replicationFactor of its own.
enum class SelectDeployment { kCluster, kSingleProcess };

class SelectFlags {
 public:
  SelectFlags(base::FlagSet& flags, SelectDeployment deployment);

  // InvalidArgument names the flag.
  absl::StatusOr<SelectOptions> Options() const;
  absl::StatusOr<cluster::ReaderOptions> ReaderOptions() const;

  // A line in the log for each flag that is set and does nothing yet.
  void WarnOfIgnored() const;

  // REQUIRES: not a single process.
  const cluster::NodeFlags& nodes() const { return *nodes_; }
  // Where select nodes of a level above are served; "": nowhere. REQUIRES: not
  // a single process.
  const std::string& upper_level_address() const {
    return upper_level_address_->value();
  }
  int64_t workers_max() const;
  // What this process may use, of the machine's or its cgroup's memory.
  int64_t memory_bytes_allowed() const;

 private:
  // What holds for queries.
  struct QueryFlags {
    explicit QueryFlags(base::FlagSet& flags);
    absl::StatusOr<DialectOptions> Dialect() const;
    const base::StringFlag& dialect;
    const base::DurationFlag& latency_offset;
    const base::DurationFlag& min_staleness;
    const base::DurationFlag& max_staleness;
    const base::DurationFlag& max_step_for_adjustment;
    const base::IntFlag& max_concurrent_requests;
    const base::DurationFlag& max_queue_duration;
    const base::DurationFlag& max_query_duration;
    const base::BytesFlag& max_query_bytes;
    const base::IntFlag& max_samples_per_query;
    const base::IntFlag& max_samples_per_series;
    const base::IntFlag& max_unique_series;
    const base::IntFlag& max_points;
    const base::IntFlag& max_subquery_points;
    const base::BytesFlag& max_query_memory;
    const base::IntFlag& max_workers;
    const base::IntFlag& max_response_series;
    const base::DurationFlag& lookback;
    const base::BoolFlag& deny_partial;
    const base::BoolFlag& delayed_name_removal;
    const base::BoolFlag& disable_pushdown;
    const base::DurationFlag& log_slow_query_duration;
    const base::BoolFlag& deny_trace;
    const base::BoolFlag& tenants_in_headers;
    const base::IntFlag& top_queries_max;
    const base::DurationFlag& top_duration_min;
    const base::BytesFlag& top_memory_min;
  };
  struct CacheFlags {
    explicit CacheFlags(base::FlagSet& flags);
    const base::BoolFlag& disable;
    const base::DurationFlag& timestamp_offset;
    const base::StringFlag& path;
    const base::BoolFlag& reset_at_start;
  };
  // What holds for the other endpoints.
  struct EndpointFlags {
    explicit EndpointFlags(base::FlagSet& flags);
    const base::IntFlag& max_series;
    const base::IntFlag& max_federate_series;
    const base::IntFlag& max_export_series;
    const base::DurationFlag& max_export_duration;
    const base::IntFlag& max_graphite_series;
    const base::DurationFlag& graphite_step;
    const base::IntFlag& graphite_points;
    const base::IntFlag& max_labels_series;
    const base::DurationFlag& max_labels_duration;
    const base::DurationFlag& max_status_duration;
    const base::IntFlag& max_status_series;
    const base::IntFlag& max_status_top;
    const base::StringFlag& reset_cache_auth_key;
    const base::StringFlag& delete_auth_key;
    const base::IntFlag& max_delete_series;
    const base::DurationFlag& max_delete_duration;
    const base::StringFlag& reset_usage_auth_key;
  };

  int64_t query_memory_bytes_max() const;
  absl::Status ReadGraphite(SelectOptions& options) const;
  // The processes that are asked beside the storage nodes.
  absl::Status ReadOthers(SelectOptions& options) const;

  const base::FlagSet& flags_;
  std::optional<cluster::NodeFlags> nodes_;
  const base::ListFlag* replication_factors_ = nullptr;
  const base::IntFlag* global_replication_factor_ = nullptr;
  const base::BoolFlag* skip_slow_replicas_ = nullptr;
  const base::BoolFlag* all_copies_ = nullptr;
  const base::ListFlag* select_nodes_ = nullptr;
  const base::StringFlag* upper_level_address_ = nullptr;
  const base::FloatFlag& allowed_percent_;
  const base::BytesFlag& allowed_bytes_;
  const base::DurationFlag& dedup_interval_;
  const base::ListFlag& downsampling_;
  const base::StringFlag& vmalert_url_;
  const QueryFlags query_;
  const CacheFlags cache_;
  const EndpointFlags endpoint_;
};

// "2", "group1:2", "group1:2,3": factors by group, "" being the default.
absl::StatusOr<std::vector<std::pair<std::string, int>>>
ParseReplicationFactors(const std::vector<std::string>& items);

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_SELECT_FLAGS_H_
