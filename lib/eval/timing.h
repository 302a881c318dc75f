// Durations, offsets and @ modifiers of a query made into milliseconds.
//
// Errors:  InvalidArgument for a duration or a time without a usable value;
//          those of evaluating what stands behind @.
// Threads: free functions without state; WindowsOf from the query's own.
#ifndef VARVE_LIB_EVAL_TIMING_H_
#define VARVE_LIB_EVAL_TIMING_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "lib/eval/evaluation.h"
#include "lib/eval/evaluator.h"
#include "lib/eval/value.h"
#include "lib/promql/ast.h"
#include "lib/rollup/rollup.h"

namespace varve::eval {

// Times beyond (300,000 years) are refused or cut, so that sums of times and
// durations stay in int64.
inline constexpr int64_t kTimeMaxMs = 10'000'000'000'000'000;

// May be negative (an offset).
absl::StatusOr<int64_t> DurationMs(const EvalRequest& request,
                                   const promql::DurationValue& duration);
// The query's step; of an instant query the default one.
int64_t QueryStepMs(const EvalRequest& request);
// The range as written, or the query's step where none is (rate(m)).
absl::StatusOr<int64_t> RangeMs(const EvalRequest& request,
                                const promql::MatrixSelector& matrix);
// Must be above zero (a range or a resolution).
absl::StatusOr<int64_t> PositiveDurationMs(
    const EvalRequest& request, const promql::DurationValue& duration);

// The windows (end - range, end] that a selector or subquery with `time`
// reads at `steps`.
absl::StatusOr<rollup::Windows> WindowsOf(Evaluation& ev,
                                          const promql::TimeModifiers& time,
                                          int64_t range_ms,
                                          const StepRange& steps);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_TIMING_H_
