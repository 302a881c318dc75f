// Arguments and results of function calls, as several families need them.
//
// Errors:  of the evaluation; InvalidArgument for series with equal labels.
// Threads: the query's own.
#ifndef VARVE_LIB_EVAL_CALL_PARTS_H_
#define VARVE_LIB_EVAL_CALL_PARTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/eval/evaluation.h"
#include "lib/eval/value.h"
#include "lib/promql/ast.h"

namespace varve::eval {

// A string argument.
absl::StatusOr<std::string> TextArgument(Evaluation& ev,
                                         const promql::Call& call,
                                         size_t index);
// The string arguments from `first` on.
absl::StatusOr<std::vector<std::string>> TextArguments(Evaluation& ev,
                                                       const promql::Call& call,
                                                       size_t first);

// A scalar as one series without labels; a vector as it is.
Value AsVector(Value value);

// An expression's series, as AsVector.
absl::StatusOr<Value> EvalVector(Evaluation& ev, const promql::Expr& expr,
                                 const StepRange& steps);

// Sets a label; a new name is not dropped later.
void SetLabel(EvalSeries& series, std::string_view name,
              std::string_view value);

// After labels were changed: equal label sets become one series.
absl::StatusOr<Value> AfterRelabel(Value value);

// After a function of MetricsQL's computed with floats: histograms go, a NaN is
// no sample, and the metric's name goes unless the call keeps it.
absl::StatusOr<Value> AfterMetricsql(Evaluation& ev, Value value);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_CALL_PARTS_H_
