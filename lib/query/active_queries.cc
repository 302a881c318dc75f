#include "lib/query/active_queries.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "lib/base/clock.h"

namespace varve::query {
namespace {

// How soon a client that hung up is noticed. A look at one costs a system
// call.
constexpr absl::Duration kWatchInterval = absl::Milliseconds(100);

}  // namespace

// Ids differ between restarts, so that an old one ends nobody else's query.
ActiveQueries::ActiveQueries()
    : next_id_(static_cast<uint64_t>(base::SystemClock().NowMs()) << 20),
      watcher_([this] { Watch(); }) {}

ActiveQueries::~ActiveQueries() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  watcher_.join();
}

void ActiveQueries::Watch() {
  base::MutexLock lock(mutex_);
  while (!stopping_) {
    if (runs_.empty()) {
      changed_.Wait(lock);
      continue;
    }
    // The end of a run waits for the lock: its client is there meanwhile.
    for (const auto& [id, run] : runs_) {
      if (run->client_ != nullptr && !run->cancelled_ &&
          run->client_->client_gone()) {
        run->cancelled_ = true;
      }
    }
    changed_.WaitFor(lock, kWatchInterval);
  }
}

std::vector<ActiveQuery> ActiveQueries::List() const {
  const int64_t now_ms = base::SystemClock().SteadyMs();
  std::vector<ActiveQuery> list;
  base::MutexLock lock(mutex_);
  for (const auto& [id, run] : runs_) {
    if (run->told_.text.query.empty()) continue;
    ActiveQuery& one = list.emplace_back(run->told_);
    one.id = id;
    one.running_ms = now_ms - run->start_steady_ms_;
  }
  std::stable_sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
    return a.running_ms > b.running_ms;
  });
  return list;
}

bool ActiveQueries::Cancel(uint64_t id) {
  base::MutexLock lock(mutex_);
  const auto found = runs_.find(id);
  if (found == runs_.end()) return false;
  found->second->cancelled_ = true;
  return true;
}

QueryRun::QueryRun(ActiveQueries* queries, const http::ResponseWriter* client,
                   const QueryTenants& tenants, std::string remote_addr)
    : queries_(queries),
      client_(client),
      start_steady_ms_(base::SystemClock().SteadyMs()) {
  told_.tenants = tenants;
  told_.remote_addr = std::move(remote_addr);
  base::MutexLock lock(queries_->mutex_);
  id_ = queries_->next_id_++;
  queries_->runs_.emplace(id_, this);
  if (queries_->runs_.size() == 1) queries_->changed_.NotifyAll();
}

QueryRun::~QueryRun() {
  base::MutexLock lock(queries_->mutex_);
  queries_->runs_.erase(id_);
}

void QueryRun::Describe(QueryText text) {
  base::MutexLock lock(queries_->mutex_);
  told_.text = std::move(text);
}

}  // namespace varve::query
