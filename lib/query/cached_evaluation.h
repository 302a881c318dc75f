// Evaluates a range query with the help of kept answers.
//
// A kept answer is used when every storage node says that what was read for it
// would read the same now; later steps are evaluated and joined to it. Steps
// are kept once they are settled: no ordinary row can come for them any more.
//
// Errors:  of eval::Evaluate. Nodes that cannot be asked make a miss.
// Threads: free functions; the cache is shared.
#ifndef VARVE_LIB_QUERY_CACHED_EVALUATION_H_
#define VARVE_LIB_QUERY_CACHED_EVALUATION_H_

#include <string>

#include "absl/status/statusor.h"
#include "lib/eval/evaluator.h"
#include "lib/query/outcome.h"
#include "lib/query/result_cache.h"
#include "lib/query/storage_reader.h"

namespace varve::query {

enum class CacheUse : uint8_t { kMiss, kPart, kFull };

struct CachedEvaluation {
  ResultCache* cache = nullptr;
  StorageReader* reader = nullptr;
  cluster::ReadRequest base;  // tenant and deadline of the question
  // What the answer depends on beside the expression, its steps and the
  // tenant: filters, lookback and the like.
  std::string key;
  int64_t settled_before_ms = 0;  // -search.cacheTimestampOffset before now
};

// `outcomes` are those of the request's source. REQUIRES: a range query whose
// expression IsCacheable.
absl::StatusOr<eval::EvalResult> EvaluateCached(
    const CachedEvaluation& cached, const eval::EvalRequest& request,
    const OutcomeCollector& outcomes, CacheUse& use);

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_CACHED_EVALUATION_H_
