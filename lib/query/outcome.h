// Whether the answers of one query were complete, over all of its reads, and
// what the nodes said of the past of each.
//
// Threads: all members from any thread.
#ifndef VARVE_LIB_QUERY_OUTCOME_H_
#define VARVE_LIB_QUERY_OUTCOME_H_

#include <set>
#include <string>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/cluster/reader.h"

namespace varve::query {

class OutcomeCollector {
 public:
  // One read of `range`.
  struct Read {
    model::TimeRange range;
    std::vector<cluster::NodeHistory> histories;  // by node; may be empty
  };

  void Started() {
    base::MutexLock lock(mutex_);
    ++started_;
  }
  void Add(const model::TimeRange& range,
           const cluster::ReadOutcome& outcome) {
    base::MutexLock lock(mutex_);
    reads_.push_back({range, outcome.histories});
    is_partial_ = is_partial_ || outcome.is_partial;
    warnings_.insert(outcome.warnings.begin(), outcome.warnings.end());
  }
  bool is_partial() const {
    base::MutexLock lock(mutex_);
    return is_partial_;
  }
  // Sorted, each once.
  std::vector<std::string> warnings() const {
    base::MutexLock lock(mutex_);
    return {warnings_.begin(), warnings_.end()};
  }
  std::vector<Read> reads() const {
    base::MutexLock lock(mutex_);
    return reads_;
  }
  // No read was given up before its end.
  bool all_ended() const {
    base::MutexLock lock(mutex_);
    return reads_.size() == started_;
  }

 private:
  mutable base::Mutex mutex_;
  bool is_partial_ GUARDED_BY(mutex_) = false;
  size_t started_ GUARDED_BY(mutex_) = 0;
  std::vector<Read> reads_ GUARDED_BY(mutex_);
  std::set<std::string> warnings_ GUARDED_BY(mutex_);
};

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_OUTCOME_H_
