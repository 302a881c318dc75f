// Whether the answers of one query were complete, over all of its reads.
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
  void Add(const cluster::ReadOutcome& outcome) {
    base::MutexLock lock(mutex_);
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

 private:
  mutable base::Mutex mutex_;
  bool is_partial_ GUARDED_BY(mutex_) = false;
  std::set<std::string> warnings_ GUARDED_BY(mutex_);
};

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_OUTCOME_H_
