// The queries that ran lately, and which of them take most.
//
// Keeps the last that took long enough or much memory, bounded by number and
// by bytes, and sums them up by tenant, text and length of the time range when
// asked.
//
// Threads: all members from any thread.
#ifndef VARVE_LIB_QUERY_TOP_QUERIES_H_
#define VARVE_LIB_QUERY_TOP_QUERIES_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/query/tenant_path.h"

namespace varve::query {

// Named after the flags they come from, -search.queryStats.….
struct TopQueriesOptions {
  int64_t queries_max = 20'000;  // 0: none are kept
  // Of their texts together: long ones push out more of the older ones.
  int64_t text_bytes_max = 16 << 20;
  int64_t duration_ms_min = 1;
  int64_t memory_bytes_min = 1 << 10;
};

struct RanQuery {
  std::string query;
  std::string filters;  // the extra filters it ran under, as one text
  QueryTenants tenants;
  int64_t range_s = 0;  // length of its time range
  int64_t end_steady_ms = 0;
  int64_t duration_ms = 0;
  int64_t memory_bytes = 0;  // at its peak
};

struct QuerySummary {
  RanQuery query;  // without times of its own
  int64_t count = 0;
  double sum_duration_s = 0;
  double sum_memory_bytes = 0;
};

class TopQueries {
 public:
  explicit TopQueries(TopQueriesOptions options) : options_(options) {}

  const TopQueriesOptions& options() const { return options_; }
  // Dropped when it took neither long nor much.
  void Add(RanQuery query);
  // Of what ended since `since_steady_ms` and `takes` lets in.
  std::vector<QuerySummary> Summaries(
      int64_t since_steady_ms,
      const std::function<bool(const RanQuery&)>& takes) const;

 private:
  const TopQueriesOptions options_;
  mutable base::Mutex mutex_;
  std::deque<RanQuery> last_ GUARDED_BY(mutex_);  // the oldest first
  int64_t text_bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_TOP_QUERIES_H_
