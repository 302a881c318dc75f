// Binary operators: scalars with scalars, scalars with vectors.
#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/eval/binary_op.h"
#include "lib/eval/call_parts.h"
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

// `(a, b)` beside == or !=: a list of values.
const promql::Call* ListOf(promql::BinaryOp op, const promql::Expr& expr) {
  const promql::Expr& inner = Unwrap(expr);
  if (inner.kind != promql::ExprKind::kCall ||
      (op != promql::BinaryOp::kEqual && op != promql::BinaryOp::kNotEqual)) {
    return nullptr;
  }
  const auto& call = static_cast<const promql::Call&>(inner);
  return call.function == "union" ? &call : nullptr;
}

// An operand of `op`. All series of a list's parts stay, whatever their labels.
absl::StatusOr<Value> EvalOperand(Evaluation& ev, promql::BinaryOp op,
                                  const promql::Expr& expr,
                                  const StepRange& steps) {
  const promql::Call* list = ListOf(op, expr);
  if (list == nullptr) return ev.Eval(expr, steps);
  Value all;
  for (const promql::ExprPtr& arg : list->args) {
    ASSIGN_OR_RETURN(Value part, EvalVector(ev, *arg, steps));
    RETURN_IF_ERROR(ev.Charge(all.charge, part.series));
    std::move(part.series.begin(), part.series.end(),
              std::back_inserter(all.series));
  }
  return all;
}

constexpr size_t kComparisonsPerCheck = 16384;

// MetricsQL's `q == (1, 2)` and `q != (1, 2)`: at each step the values of `q`
// that some series of the list has, or that none has.
absl::StatusOr<Value> CompareWithList(const Evaluation& ev,
                                      const promql::BinaryExpr& expr,
                                      Value vector, const Value& list) {
  if (expr.return_bool) {
    return base::InvalidArgument("bool cannot be used with a list: ",
                                 promql::ExprText(expr));
  }
  const bool wanted = expr.op == promql::BinaryOp::kEqual;
  size_t unchecked = kComparisonsPerCheck;  // since the last look at the clock
  for (EvalSeries& series : vector.series) {
    series.DropHistograms();
    for (size_t i = 0; i < series.values.size(); ++i) {
      unchecked += list.series.size() + 1;
      if (unchecked > kComparisonsPerCheck) {
        RETURN_IF_ERROR(ev.CheckAlive());
        unchecked = 0;
      }
      const double value = series.values[i];
      const bool found = std::any_of(
          list.series.begin(), list.series.end(),
          [&](const EvalSeries& one) { return one.values[i] == value; });
      if (found != wanted) series.values[i] = Absent();
    }
  }
  RemoveEmpty(vector.series);
  vector.ordered = false;
  return vector;
}

absl::StatusOr<Value> Apply(Evaluation& ev, const promql::BinaryExpr& expr,
                            Value lhs, Value rhs, const StepRange& steps) {
  if (promql::IsFillOperator(expr.op)) {
    return FillVectors(ev, expr, std::move(lhs), std::move(rhs));
  }
  if (ListOf(expr.op, *expr.rhs) != nullptr) {
    return CompareWithList(ev, expr, AsVector(std::move(lhs)), rhs);
  }
  if (ListOf(expr.op, *expr.lhs) != nullptr) {
    return CompareWithList(ev, expr, AsVector(std::move(rhs)), lhs);
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

// A chain a + b + c … from its innermost operator outwards, so that its
// length costs no stack. What is the same at every step is left to Eval.
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
  const promql::BinaryExpr& first = *chain.back();
  ASSIGN_OR_RETURN(Value value, EvalOperand(ev, first.op, *first.lhs, steps));
  for (; !chain.empty(); chain.pop_back()) {
    const promql::BinaryExpr& next = *chain.back();
    ASSIGN_OR_RETURN(Value rhs, EvalOperand(ev, next.op, *next.rhs, steps));
    ASSIGN_OR_RETURN(value, Apply(ev, *chain.back(), std::move(value),
                                  std::move(rhs), steps));
  }
  return value;
}

}  // namespace varve::eval
