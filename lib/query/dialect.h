// The metricsql dialect of a request: its arguments, its times, the end of its
// answer.
//
// Errors:  InvalidArgument that names the argument.
// Threads: free functions without state.
// Source:  VictoriaMetrics docs/keyConcepts.md "Query latency" and
//          app/vmselect/prometheus/prometheus.go (1.145).
#ifndef VARVE_LIB_QUERY_DIALECT_H_
#define VARVE_LIB_QUERY_DIALECT_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/eval/evaluator.h"
#include "lib/promql/dialect.h"
#include "net/http/server.h"

namespace varve::query {

// By the flags that set it, without `search.`.
struct DialectOptions {
  promql::Dialect dialect = promql::Dialect::kPromql;
  int64_t latency_offset_ms = 30'000;
  // How far apart the samples of a series may be; 0: no bound.
  int64_t min_staleness_interval_ms = 0;
  int64_t max_staleness_interval_ms = 0;
  int64_t max_step_for_points_adjustment_ms = 60'000;
};

// "promql" or "metricsql"; InvalidArgument for another.
absl::StatusOr<promql::Dialect> ParseDialect(std::string_view text);

// `dialect`, and under metricsql max_lookback: they replace what `request`
// has by PromQL's rules.
absl::Status ReadDialect(const http::Request& http,
                         const DialectOptions& options,
                         eval::EvalRequest& request);

// Under metricsql: how much earlier an instant query of `time_ms` close to now
// is evaluated, because the newest samples may be on their way; else 0.
absl::StatusOr<int64_t> InstantShiftMs(const http::Request& http,
                                       const DialectOptions& options,
                                       const eval::EvalRequest& request,
                                       int64_t time_ms, int64_t now_ms);

// Under metricsql: start and end of a range of 50 points or more are rounded
// to multiples of the step, without `nocache`.
void AlignRange(const http::Request& http, eval::EvalRequest& request);

// Under metricsql: points newer than the latency offset repeat the last one
// before, because they may be incomplete.
absl::Status RepeatLastPoints(const http::Request& http,
                              const DialectOptions& options,
                              const eval::EvalRequest& request, int64_t now_ms,
                              eval::EvalResult& result);

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_DIALECT_H_
