// Answers of range queries, kept for the next query of the same expression.
//
// An entry holds steps of the settled past and what was read for them: whoever
// finds it asks the storage nodes whether those reads would be the same today
// (cached_evaluation.h).
//
// Memory:  bounded; what was used longest ago goes first.
// Threads: all members from any thread; entries never change.
#ifndef VARVE_LIB_QUERY_RESULT_CACHE_H_
#define VARVE_LIB_QUERY_RESULT_CACHE_H_

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/mutex.h"
#include "lib/eval/evaluator.h"
#include "lib/query/outcome.h"

namespace varve::query {

struct CachedResult {
  int64_t start_ms = 0;
  int64_t step_ms = 1;
  size_t count = 0;                        // steps
  std::vector<eval::ResultSeries> series;  // sorted by labels; `count` values
  std::vector<OutcomeCollector::Read> reads;
  std::vector<std::string> infos;
  std::string text;  // of the query: infos name positions in it
  int64_t series_fetched = 0;

  int64_t At(size_t step) const {
    return start_ms + static_cast<int64_t>(step) * step_ms;
  }
  int64_t end_ms() const { return At(count - 1); }
  int64_t bytes() const;
};
using CachedResultPtr = std::shared_ptr<const CachedResult>;

class ResultCache {
 public:
  explicit ResultCache(int64_t bytes_max) : bytes_max_(bytes_max) {}

  // Null when there is none.
  CachedResultPtr Find(const std::string& key);
  // Replaces what is there. One entry takes a quarter of the bytes at most:
  // returns false for a larger one, and nothing is there then.
  bool Put(const std::string& key, CachedResultPtr result);
  void Erase(const std::string& key);
  void Clear();

  // Everything, for saving: putting it in this order makes the same cache.
  std::vector<std::pair<std::string, CachedResultPtr>> OldestFirst() const;

  int64_t bytes_max() const { return bytes_max_; }
  int64_t bytes() const;
  int64_t entries() const;

 private:
  using Entry = std::pair<std::string, CachedResultPtr>;
  static int64_t BytesOf(const Entry& entry);
  void EraseLocked(const std::string& key) REQUIRES_LOCK(mutex_);

  const int64_t bytes_max_;
  mutable base::Mutex mutex_;
  int64_t bytes_ GUARDED_BY(mutex_) = 0;
  std::list<Entry> recent_ GUARDED_BY(mutex_);  // the last used first
  absl::flat_hash_map<std::string, std::list<Entry>::iterator> by_key_
      GUARDED_BY(mutex_);
};

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_RESULT_CACHE_H_
