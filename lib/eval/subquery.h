// An expression evaluated over its own steps, for a window function.
//
// The steps are multiples of the resolution since 1970, within the windows.
//
// Errors:  ResourceExhausted for more steps than
//          -search.maxPointsSubqueryPerTimeseries.
// Threads: the query's own.
#ifndef VARVE_LIB_EVAL_SUBQUERY_H_
#define VARVE_LIB_EVAL_SUBQUERY_H_

#include <vector>

#include "absl/status/statusor.h"
#include "lib/eval/evaluation.h"
#include "lib/eval/value.h"
#include "lib/model/sample.h"
#include "lib/promql/ast.h"
#include "lib/rollup/rollup.h"

namespace varve::eval {

struct SubqueryResult {
  rollup::Windows windows;
  StepRange steps;  // of `value`; count 0: no step lies in a window
  Value value;
  int64_t samples_read = 0;  // where samples are counted
};

// The steps begin early enough for the samples before the windows that
// `function` reads.
absl::StatusOr<SubqueryResult> EvalSubquery(Evaluation& ev,
                                            const promql::SubqueryExpr& expr,
                                            rollup::Function function,
                                            const StepRange& steps);

// The samples of one of its series, without labels; `data` is reused.
void SamplesOf(const SubqueryResult& result, const EvalSeries& series,
               SeriesData& data);

// Counts what `function` read of a series' samples, where they are counted.
void CountWindows(Evaluation& ev, rollup::Function function,
                  const rollup::Windows& windows, const SeriesData& data,
                  const ColumnView& column);

// What the series of a call leave to the next one.
struct RollupScratch {
  SeriesData data;
  std::vector<bool> told;  // steps whose quantile was warned of
};

// A window function over one of its series: columns only, no labels. Notes
// belong to `position`. Names that are no counter's are told where the function
// wants one. An error when the query is over in the midst of it.
absl::StatusOr<EvalSeries> RollupSamples(
    Evaluation& ev, rollup::Function function, const SubqueryResult& result,
    const EvalSeries& series, const rollup::Arguments& arguments,
    promql::Position position, RollupScratch& scratch);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_SUBQUERY_H_
