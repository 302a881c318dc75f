// Binary operators: scalars with scalars, scalars with vectors.
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/eval/binary_op.h"
#include "lib/eval/families.h"
#include "lib/eval/notes.h"
#include "lib/eval/text.h"
#include "lib/promql/printer.h"

namespace varve::eval {
namespace {

using promql::ValueType;

Value ScalarWithScalar(const promql::BinaryExpr& expr, Value lhs,
                       const Value& rhs) {
  for (size_t i = 0; i < lhs.scalar.size(); ++i) {
    double& value = lhs.scalar[i];
    value = promql::IsComparison(expr.op)
                ? (Compare(expr.op, value, rhs.scalar[i]) ? 1 : 0)
                : Arithmetic(expr.op, value, rhs.scalar[i]);
  }
  return lhs;
}

absl::StatusOr<Value> ScalarWithVector(Evaluation& ev,
                                       const promql::BinaryExpr& expr,
                                       const std::vector<double>& scalar,
                                       Value vector, bool scalar_is_left) {
  const bool drops = DropsName(expr.op, expr.return_bool);
  OperandNotes notes;
  const Operand number{scalar, {}};
  for (EvalSeries& series : vector.series) {
    const Operand samples{series.values, series.histograms};
    EvalSeries out;
    ApplyOperands(expr.op, expr.return_bool, scalar_is_left ? number : samples,
                  scalar_is_left ? samples : number, series.values, out, notes);
    series.values = std::move(out.values);
    series.histograms = std::move(out.histograms);
    if (drops) ev.DropName(series);
  }
  TellOperandNotes(ev, notes, expr);
  RemoveEmpty(vector.series);
  if (drops) RETURN_IF_ERROR(ev.AfterDrop(vector.series));
  vector.ordered = false;
  return vector;
}

absl::StatusOr<Value> Apply(Evaluation& ev, const promql::BinaryExpr& expr,
                            Value lhs, Value rhs, const StepRange& steps) {
  if (promql::IsFillOperator(expr.op)) {
    return FillVectors(ev, expr, std::move(lhs), std::move(rhs));
  }
  const bool left_scalar = lhs.type == ValueType::kScalar;
  const bool right_scalar = rhs.type == ValueType::kScalar;
  if (left_scalar && right_scalar) {
    if (IsTrim(expr.op)) {
      return base::InvalidArgument("operator ",
                                   Quoted(promql::OperatorText(expr.op)),
                                   " not allowed for Scalar operations");
    }
    return ScalarWithScalar(expr, std::move(lhs), rhs);
  }
  if (left_scalar) {
    return ScalarWithVector(ev, expr, lhs.scalar, std::move(rhs), true);
  }
  if (right_scalar) {
    return ScalarWithVector(ev, expr, rhs.scalar, std::move(lhs), false);
  }
  if (promql::IsSetOperator(expr.op)) {
    return CombineSets(ev, expr, std::move(lhs), std::move(rhs), steps);
  }
  return MatchVectors(ev, expr, std::move(lhs), std::move(rhs), steps);
}

}  // namespace

// A chain a + b + c … from its innermost operator outwards, so that its length
// costs no stack. What is the same at every step is left to Eval.
absl::StatusOr<Value> EvalBinary(Evaluation& ev, const promql::BinaryExpr& expr,
                                 const StepRange& steps) {
  std::vector<const promql::BinaryExpr*> chain = {&expr};
  auto continues = [&](const promql::Expr& lhs) {
    return lhs.kind == promql::ExprKind::kBinary && !expr.keep_metric_names &&
           (steps.count == 1 || !ev.IsStepInvariant(lhs));
  };
  while (continues(*chain.back()->lhs)) {
    chain.push_back(
        static_cast<const promql::BinaryExpr*>(chain.back()->lhs.get()));
  }
  ASSIGN_OR_RETURN(Value value, ev.Eval(*chain.back()->lhs, steps));
  for (; !chain.empty(); chain.pop_back()) {
    ASSIGN_OR_RETURN(Value rhs, ev.Eval(*chain.back()->rhs, steps));
    ASSIGN_OR_RETURN(value, Apply(ev, *chain.back(), std::move(value),
                                  std::move(rhs), steps));
  }
  return value;
}

}  // namespace varve::eval
