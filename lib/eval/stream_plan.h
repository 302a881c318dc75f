// Which expressions come straight from the source, and how.
//
// An instant selector, and a window function over a range selector: their
// columns can be aggregated as they arrive. Everything else is evaluated
// first.
//
// Threads: the query's own.
#ifndef VARVE_LIB_EVAL_STREAM_PLAN_H_
#define VARVE_LIB_EVAL_STREAM_PLAN_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/eval/column_stream.h"
#include "lib/eval/evaluation.h"
#include "lib/promql/ast.h"

namespace varve::eval {

struct StreamPlan {
  RollupPlan rollup;
  // The function's results lose their names ...
  bool drop_name = false;
  // ... after which label sets may be equal, because the selector takes
  // several names.
  bool may_collide = false;
  std::vector<double> first_argument;  // what rollup.arguments point at
  std::vector<double> second_argument;
};

// A window function's call: its range vector and its scalars.
struct RollupArguments {
  const promql::Call* call = nullptr;
  const promql::Expr* range_vector = nullptr;  // unwrapped
  std::vector<const promql::Expr*> scalars;
};
RollupArguments SplitArguments(const promql::Call& call);

// Evaluates the scalars and checks their domain.
absl::Status FillArguments(Evaluation& ev, rollup::Function function,
                           const RollupArguments& arguments,
                           const StepRange& steps, StreamPlan& plan);

// The selector and the windows of a range selector, or of an instant one; of
// an `anchored` or `smoothed` one also the function, by its name.
absl::Status FillWindows(Evaluation& ev, const promql::Expr& range_vector,
                         std::string_view function_name, const StepRange& steps,
                         StreamPlan& plan);

// InvalidArgument where `anchored` or `smoothed` does not go with the function.
absl::Status CheckEdges(const promql::VectorSelector& selector,
                        std::string_view function_name);

// Of a range selector or a subquery: its range was not written.
bool HasImplicitRange(const promql::Expr& range);

// What a call computes: as PromQL or as MetricsQL has it. A call without a
// written range is MetricsQL's. REQUIRES: it is a window function's.
rollup::Function FunctionOf(const Evaluation& ev, const promql::Call& call,
                            const RollupArguments& arguments);

bool CanStream(const promql::Expr& unwrapped);
// REQUIRES: CanStream(unwrapped).
absl::Status MakeStreamPlan(Evaluation& ev, const promql::Expr& unwrapped,
                            const StepRange& steps, StreamPlan& plan);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_STREAM_PLAN_H_
