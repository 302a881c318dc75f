// The families of expressions behind Evaluation::Eval, one per source file.
//
// In:      a node of the tree and the steps to evaluate it at.
// Out:     a value whose columns have steps.count entries and whose series
//          have a sample at one step at least.
// Errors:  as evaluator.h says.
// Threads: the query's own.
#ifndef VARVE_LIB_EVAL_FAMILIES_H_
#define VARVE_LIB_EVAL_FAMILIES_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "lib/eval/evaluation.h"
#include "lib/eval/value.h"
#include "lib/promql/ast.h"

namespace varve::eval {

struct StreamPlan;

absl::StatusOr<Value> EvalSelector(Evaluation& ev,
                                   const promql::VectorSelector& selector,
                                   const StepRange& steps);

absl::StatusOr<Value> EvalAggregate(Evaluation& ev,
                                    const promql::AggregateExpr& expr,
                                    const StepRange& steps);
// An aggregation of what `plan` streams, computed by the source; nothing where
// it cannot. REQUIRES: IsColumnAggregate(expr.op).
absl::StatusOr<std::optional<Value>> EvalPushedAggregate(
    Evaluation& ev, const promql::AggregateExpr& expr, const StreamPlan& plan,
    const StepRange& steps);
// The series that topk and bottomk of up to `k` may pick of what `plan`
// streams, and those that come first in their groups; sorted as all of them
// would be. Nothing where the source cannot tell.
absl::StatusOr<std::optional<Value>> EvalPushedPick(
    Evaluation& ev, const promql::AggregateExpr& expr, const StreamPlan& plan,
    const StepRange& steps, uint32_t k);
// What an aggregation is over: of sum(a, b) the series of both.
absl::StatusOr<Value> EvalAggregateInput(Evaluation& ev,
                                         const promql::AggregateExpr& expr,
                                         const StepRange& steps);
// `limit N`: the first groups in the order of the result.
void LimitGroups(const promql::AggregateExpr& expr, Value& value);
// topk, bottomk, limitk, limit_ratio: some of the input's own series.
absl::StatusOr<Value> EvalAggregatePick(Evaluation& ev,
                                        const promql::AggregateExpr& expr,
                                        const StepRange& steps);
absl::StatusOr<Value> EvalQuantile(Evaluation& ev,
                                   const promql::AggregateExpr& expr,
                                   const StepRange& steps);
absl::StatusOr<Value> EvalCountValues(Evaluation& ev,
                                      const promql::AggregateExpr& expr,
                                      const StepRange& steps);
// MetricsQL's: one value of each group's values (median, mode ...), some of
// the input's own series (any, share, topk_max, outliers_iqr ...).
absl::StatusOr<Value> EvalGroupValues(Evaluation& ev,
                                      const promql::AggregateExpr& expr,
                                      const StepRange& steps);
absl::StatusOr<Value> EvalGroupSeries(Evaluation& ev,
                                      const promql::AggregateExpr& expr,
                                      const StepRange& steps);

absl::StatusOr<Value> EvalBinary(Evaluation& ev, const promql::BinaryExpr& expr,
                                 const StepRange& steps);
// Vector with vector, arithmetic and comparison. Takes both values.
absl::StatusOr<Value> MatchVectors(Evaluation& ev,
                                   const promql::BinaryExpr& expr, Value lhs,
                                   Value rhs, const StepRange& steps);
// and, or, unless.
absl::StatusOr<Value> CombineSets(Evaluation& ev,
                                  const promql::BinaryExpr& expr, Value lhs,
                                  Value rhs, const StepRange& steps);

// MetricsQL's default, if, ifnot, of vectors and scalars.
absl::StatusOr<Value> FillVectors(Evaluation& ev,
                                  const promql::BinaryExpr& expr, Value lhs,
                                  Value rhs);

// A function call. Each family answers Unimplemented for names that are not
// its own; EvalCall asks them in turn.
absl::StatusOr<Value> EvalCall(Evaluation& ev, const promql::Call& call,
                               const StepRange& steps);

using CallFamily = absl::StatusOr<Value> (*)(Evaluation& ev,
                                             const promql::Call& call,
                                             const StepRange& steps);
// Each returns null when `name` is not in the family.
CallFamily FindRollupCall(std::string_view name);
CallFamily FindAbsentCall(std::string_view name);
CallFamily FindMathCall(std::string_view name);
CallFamily FindTimeCall(std::string_view name);
CallFamily FindLabelCall(std::string_view name);
CallFamily FindSortCall(std::string_view name);
CallFamily FindHistogramCall(std::string_view name);
CallFamily FindInfoCall(std::string_view name);
CallFamily FindConversionCall(std::string_view name);
CallFamily FindUnionCall(std::string_view name);
// MetricsQL's.
CallFamily FindMultiRollupCall(std::string_view name);
CallFamily FindColumnCall(std::string_view name);
CallFamily FindLabelEditCall(std::string_view name);
CallFamily FindSeriesPickCall(std::string_view name);
CallFamily FindBucketCall(std::string_view name);
// What only the dialect gives another meaning: moments of bucket series.
CallFamily FindBucketMomentCall(std::string_view name);
CallFamily FindGeneratedCall(std::string_view name);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_FAMILIES_H_
