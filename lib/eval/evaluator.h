// Evaluates a syntax tree over a time range: one semantic for instant and
// range queries, an instant one being a range of one step.
//
// In:      a checked tree, start, end and step in Unix milliseconds.
// Out:     scalar, string, vector (instant) or matrix (range).
// Errors:  InvalidArgument (the query asks what cannot be: 422 with the text),
//          ResourceExhausted (a limit; the text names limit and flag),
//          DeadlineExceeded, Cancelled, and whatever the source returns.
// Threads: Evaluate is re-entrant; one query may use several threads.
// Source:  prometheus/prometheus promql/engine.go (3.5).
#ifndef VARVE_LIB_EVAL_EVALUATOR_H_
#define VARVE_LIB_EVAL_EVALUATOR_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/cpu_meter.h"
#include "lib/base/memory_pool.h"
#include "lib/base/thread_pool.h"
#include "lib/eval/series_source.h"
#include "lib/promql/ast.h"
#include "lib/promql/dialect.h"
#include "lib/telemetry/trace.h"

namespace varve::eval {

struct Limits {
  int64_t samples_max = 1'000'000'000;     // -search.maxSamplesPerQuery
  int64_t series_max = 0;                  // 0: the storage decides
  int64_t points_per_series_max = 30'000;  // -search.maxPointsPerTimeseries
  int64_t subquery_points_max =
      100'000;                   // -search.maxPointsSubqueryPerTimeseries
  int64_t memory_bytes_max = 0;  // -search.maxMemoryPerQuery
  // What all queries of the process hold; may be null, else outlives them.
  base::MemoryPool* memory_pool = nullptr;
  int threads_max = 1;           // -search.maxWorkersPerQuery
};

struct EvalStats {
  int64_t series_fetched = 0;
  int64_t samples_scanned = 0;
  int64_t memory_bytes_peak = 0;
  // The rest only with EvalRequest::count_samples (sample_counter.h).
  std::vector<int64_t> samples_at_steps;
  int64_t samples_held_max = 0;
  int64_t sort_us = 0;  // took the result's order
};

struct EvalRequest {
  const promql::Expr* expr = nullptr;
  // What `expr` was parsed from: notes tell where in it; "": they do not.
  std::string_view text;
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t step_ms = 0;  // 0: an instant query at start_ms
  // By which `expr` was parsed too.
  promql::Dialect dialect = promql::Dialect::kPromql;
  // What MetricsQL takes for the step of an instant query: rate(m), m[5i].
  int64_t default_step_ms = 300'000;
  int64_t lookback_ms = 300'000;
  // How far apart samples of a series are taken to be by MetricsQL, which
  // looks at each series otherwise; 0: no bound.
  int64_t staleness_min_ms = 0;
  int64_t staleness_max_ms = 0;
  int64_t subquery_step_ms = 60'000;  // for [1h:]
  // Prometheus' promql-delayed-name-removal: names go at the end only.
  bool delayed_name_removal = false;
  // Everything is computed here then: the source aggregates nothing.
  bool count_samples = false;
  Limits limits;
  SeriesSource* source = nullptr;
  base::ThreadPool* pool = nullptr;              // null: no parallelism
  const std::atomic<bool>* cancelled = nullptr;  // may be null
  int64_t deadline_steady_ms = INT64_MAX;        // of base::SystemClock()
  // The three below may be null. The trace gets a part for each node of the
  // tree that is evaluated by itself; the meter the time of other threads.
  telemetry::Trace* trace = nullptr;
  base::CpuMeter* cpu = nullptr;
  // Filled whether or not the evaluation succeeds.
  EvalStats* stats = nullptr;
};

// One series of a result. Where a step has no float, values[i] has the
// staleness marker's bits; it may have a histogram then.
struct ResultSeries {
  model::LabelSet labels;
  std::vector<double> values;                         // one per step
  std::vector<histogram::HistogramPtr> histograms{};  // the same, or empty
};

struct EvalResult {
  promql::ValueType type = promql::ValueType::kVector;
  std::string string_value;
  // kScalar: one series without labels. kVector and range results: sorted by
  // labels, unless the expression orders them (sort, topk, ...).
  std::vector<ResultSeries> series;
  // An instant query of a range selector: raw samples.
  std::vector<SeriesData> raw;
  std::vector<std::string> warnings;
  std::vector<std::string> infos;
  EvalStats stats;
};

absl::StatusOr<EvalResult> Evaluate(const EvalRequest& request);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_EVALUATOR_H_
