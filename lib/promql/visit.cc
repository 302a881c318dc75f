#include "lib/promql/visit.h"

namespace varve::promql {
namespace {

void Append(const std::vector<ExprPtr>& exprs,
            std::vector<const Expr*>& children) {
  for (const ExprPtr& expr : exprs) children.push_back(expr.get());
}

void AppendAt(const TimeModifiers& time, std::vector<const Expr*>& children) {
  if (time.at_expr != nullptr) children.push_back(time.at_expr.get());
}

}  // namespace

void AppendChildren(const Expr& expr, std::vector<const Expr*>& children) {
  switch (expr.kind) {
    case ExprKind::kNumber:
    case ExprKind::kString:
      return;
    case ExprKind::kVectorSelector:
      return AppendAt(static_cast<const VectorSelector&>(expr).time, children);
    case ExprKind::kMatrixSelector:
      children.push_back(
          static_cast<const MatrixSelector&>(expr).selector.get());
      return;
    case ExprKind::kSubquery:
      children.push_back(static_cast<const SubqueryExpr&>(expr).expr.get());
      return AppendAt(static_cast<const SubqueryExpr&>(expr).time, children);
    case ExprKind::kUnary:
      children.push_back(static_cast<const UnaryExpr&>(expr).expr.get());
      return;
    case ExprKind::kParen:
      children.push_back(static_cast<const ParenExpr&>(expr).expr.get());
      return;
    case ExprKind::kShift:
      children.push_back(static_cast<const ShiftExpr&>(expr).expr.get());
      return AppendAt(static_cast<const ShiftExpr&>(expr).time, children);
    case ExprKind::kBinary:
      children.push_back(static_cast<const BinaryExpr&>(expr).lhs.get());
      children.push_back(static_cast<const BinaryExpr&>(expr).rhs.get());
      return;
    case ExprKind::kCall:
      return Append(static_cast<const Call&>(expr).args, children);
    case ExprKind::kAggregate: {
      const auto& aggregate = static_cast<const AggregateExpr&>(expr);
      if (aggregate.param != nullptr) children.push_back(aggregate.param.get());
      Append(aggregate.more_params, children);
      children.push_back(aggregate.expr.get());
      return Append(aggregate.more_exprs, children);
    }
  }
}

}  // namespace varve::promql
