// The storage nodes as the engine's source of series, for one query.
//
// Adds to every read what the request is about: tenant, extra filters (and-ed
// with the query's own), limits, deadline; collects whether the answers were
// complete; stops when the client has gone.
//
// Lifetime: one per query; the writer, the reader and the collector outlive
//           it.
// Threads:  as SeriesSource says.
#ifndef VARVE_LIB_QUERY_CLUSTER_SOURCE_H_
#define VARVE_LIB_QUERY_CLUSTER_SOURCE_H_

#include <memory>
#include <vector>

#include "lib/eval/series_source.h"
#include "lib/query/outcome.h"
#include "lib/query/storage_reader.h"
#include "net/http/server.h"

namespace varve::query {

// Far above what clients send; each group costs an evaluation of its matchers
// on every storage node.
inline constexpr size_t kMatcherGroupsMax = 20'000;

// Each group of `groups` and-ed with each of `filters`; no filters: `groups`.
// No groups and some filters: the filters. Paths of `groups` become names
// (graphite_filter.h); `filters` have none any more. InvalidArgument for a bad
// path and for more than kMatcherGroupsMax.
absl::StatusOr<std::vector<model::Matchers>> WithFilters(
    std::vector<model::Matchers> groups,
    const std::vector<model::Matchers>& filters);

// Storage nodes may give more than was asked for: leaves what is in `range`.
void ClipToRange(const model::TimeRange& range, cluster::MergedSeries& series);

class ClusterSource final : public eval::SeriesSource {
 public:
  struct Options {
    // tenant, series_max, deny_partial and the deadline of all reads.
    cluster::ReadRequest base;
    std::vector<model::Matchers> filters;  // or-ed
    // Null: clients do not go away.
    const http::ResponseWriter* client = nullptr;
    int64_t samples_per_series_max = 0;  // 0: no limit
    bool pushdown = true;  // storage nodes may aggregate
  };

  ClusterSource(StorageReader* reader, Options options,
                OutcomeCollector* outcomes);

  absl::StatusOr<std::unique_ptr<eval::SeriesStream>> Select(
      const eval::SelectRequest& request) override;
  absl::StatusOr<std::unique_ptr<eval::AggregateStream>> Aggregate(
      const eval::AggregateRequest& request) override;

 private:
  absl::StatusOr<cluster::ReadRequest> ReadOf(
      const eval::SelectRequest& request) const;

  StorageReader* const reader_;
  const Options options_;
  OutcomeCollector* const outcomes_;
};

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_CLUSTER_SOURCE_H_
