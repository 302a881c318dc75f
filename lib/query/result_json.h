// Results of evaluations as the JSON of /api/v1/query and /query_range.
//
// Threads: free functions without state.
// Source:  prometheus.io/docs/prometheus/latest/querying/api "Expression
//          query result formats".
#ifndef VARVE_LIB_QUERY_RESULT_JSON_H_
#define VARVE_LIB_QUERY_RESULT_JSON_H_

#include "lib/eval/evaluator.h"
#include "lib/query/json.h"

namespace varve::query {

struct ResultFormat {
  bool is_range = false;
  int64_t start_ms = 0;
  int64_t step_ms = 0;
  int round_digits = 100;  // from 100 on: not rounded
  int64_t series_max = 0;  // `limit`; 0: all
  std::string stats;       // SampleStatsJson, or ""
};

// How long the parts of a query took.
struct QueryTimings {
  int64_t queued_us = 0;
  int64_t preparation_us = 0;
  int64_t evaluation_us = 0;  // the result's sorting included
};

// {"timings":{…},"samples":{…}} as Prometheus has it. `stats` are of an
// evaluation that counted samples; `per_step`: tell them step by step too.
std::string SampleStatsJson(const eval::EvalStats& stats,
                            const QueryTimings& timings,
                            const ResultFormat& format, bool per_step);

// {"resultType":…,"result":…}, with "stats" where the format has any.
// `truncated` tells that series_max cut it.
absl::Status WriteResult(Answer& answer, const eval::EvalResult& result,
                         const ResultFormat& format, bool& truncated);

// ,"warnings":[…],"infos":[…]: nothing where there are none.
void AppendAnnotations(std::string& out,
                       const std::vector<std::string>& warnings,
                       const std::vector<std::string>& infos);

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_RESULT_JSON_H_
