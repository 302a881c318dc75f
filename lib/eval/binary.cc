// Binary operators: scalars with scalars, scalars with vectors.
#include <utility>

#include "lib/base/status.h"
#include "lib/eval/binary_op.h"
#include "lib/eval/families.h"

namespace varve::eval {
namespace {

using promql::BinaryOp;
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
  for (EvalSeries& series : vector.series) {
    const std::vector<double>& left = scalar_is_left ? scalar : series.values;
    const std::vector<double>& right = scalar_is_left ? series.values : scalar;
    std::vector<double> column(series.values.size());
    ApplyColumns(expr.op, expr.return_bool, left, right, series.values, column);
    series.values = std::move(column);
    if (drops) ev.DropName(series);
  }
  RemoveEmpty(vector.series);
  if (drops) RETURN_IF_ERROR(ev.AfterDrop(vector.series));
  vector.ordered = false;
  return vector;
}

}  // namespace

absl::StatusOr<Value> EvalBinary(Evaluation& ev, const promql::BinaryExpr& expr,
                                 const StepRange& steps) {
  if (expr.op == BinaryOp::kTrimUpper || expr.op == BinaryOp::kTrimLower) {
    return base::Unimplemented(
        "the histogram operators </ and >/ are not implemented");
  }
  ASSIGN_OR_RETURN(Value lhs, ev.Eval(*expr.lhs, steps));
  ASSIGN_OR_RETURN(Value rhs, ev.Eval(*expr.rhs, steps));
  const bool left_scalar = lhs.type == ValueType::kScalar;
  const bool right_scalar = rhs.type == ValueType::kScalar;
  if (left_scalar && right_scalar) {
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

}  // namespace varve::eval
