// The requests under way: what runs, for whom, and how to end it.
//
// A request is ended by Cancel, or when its client hangs up: a thread looks
// after the clients while there are requests. Whoever works for a request
// reads its cancelled flag.
//
// Lifetime: outlives its runs.
// Threads:  all members from any thread; a QueryRun belongs to its handler,
//           but for cancelled().
#ifndef VARVE_LIB_QUERY_ACTIVE_QUERIES_H_
#define VARVE_LIB_QUERY_ACTIVE_QUERIES_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/model/time_range.h"
#include "lib/query/tenant_path.h"
#include "net/http/server.h"

namespace varve::query {

// What a query asks; told to operators.
struct QueryText {
  std::string query;
  std::string filters;  // the extra filters it runs under, as one text
  model::TimeRange range;
  int64_t step_ms = 0;
};

struct ActiveQuery {
  uint64_t id = 0;
  std::string remote_addr;
  QueryTenants tenants;
  QueryText text;
  int64_t running_ms = 0;
};

class QueryRun;

class ActiveQueries {
 public:
  ActiveQueries();
  ~ActiveQueries();

  // Those that have a text, the longest running first.
  std::vector<ActiveQuery> List() const;
  // False when there is none of that id (any more).
  bool Cancel(uint64_t id);

 private:
  friend class QueryRun;
  void Watch();

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::map<uint64_t, QueryRun*> runs_ GUARDED_BY(mutex_);
  uint64_t next_id_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread watcher_;
};

class QueryRun {
 public:
  // `client` outlives it; null: clients do not go away.
  QueryRun(ActiveQueries* queries, const http::ResponseWriter* client,
           const QueryTenants& tenants, std::string remote_addr);
  ~QueryRun();
  QueryRun(const QueryRun&) = delete;
  QueryRun& operator=(const QueryRun&) = delete;

  // From now on the request is told of.
  void Describe(QueryText text);
  const std::atomic<bool>& cancelled() const { return cancelled_; }

 private:
  friend class ActiveQueries;
  ActiveQueries* const queries_;
  const http::ResponseWriter* const client_;
  const int64_t start_steady_ms_;
  std::atomic<bool> cancelled_{false};
  uint64_t id_ = 0;
  ActiveQuery told_;  // guarded by the mutex of queries_
};

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_ACTIVE_QUERIES_H_
