#include "lib/query/cacheable.h"

#include "lib/promql/functions.h"
#include "lib/promql/visit.h"

namespace varve::query {
namespace {

using promql::ExprKind;

// An expression may ask for the range's start, end and length.
bool IsFixed(const promql::DurationValue& duration) {
  return duration.expr == nullptr;
}

bool LooksBack(const promql::TimeModifiers& time) {
  return time.at == promql::AtKind::kNone && IsFixed(time.offset) &&
         time.offset.ms >= 0;
}

// Functions of MetricsQL may look at all steps of the range.
bool IsOfTheStep(const promql::Call& call) {
  const promql::FunctionInfo* info = promql::FindFunction(call.function);
  // The start of a sample may become known by one that comes later.
  return info != nullptr && !info->metricsql && call.function != "start" &&
         call.function != "end" && call.function != "range" &&
         call.function != "start_timestamp";
}

bool IsOfTheStep(const promql::AggregateExpr& aggregate) {
  return aggregate.op <= promql::AggregateOp::kLimitRatio &&
         aggregate.limit == 0;
}

// Apart from the parts of `expr`.
bool IsCacheableNode(const promql::Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kNumber:
    case ExprKind::kString:
    case ExprKind::kUnary:
    case ExprKind::kParen:
      return true;
    case ExprKind::kBinary:
      // `default` asks whether the left side has any series at all.
      return !promql::IsFillOperator(
          static_cast<const promql::BinaryExpr&>(expr).op);
    case ExprKind::kVectorSelector: {
      const auto& selector = static_cast<const promql::VectorSelector&>(expr);
      // A smoothed one reads the sample behind its end.
      return LooksBack(selector.time) &&
             selector.edges != promql::RangeEdges::kSmoothed;
    }
    case ExprKind::kMatrixSelector: {
      const auto& matrix = static_cast<const promql::MatrixSelector&>(expr);
      // An implicit window follows from the samples of the range.
      return IsFixed(matrix.range) && !matrix.implicit;
    }
    case ExprKind::kSubquery: {
      const auto& subquery = static_cast<const promql::SubqueryExpr&>(expr);
      return IsFixed(subquery.range) && IsFixed(subquery.step) &&
             !subquery.implicit && LooksBack(subquery.time);
    }
    case ExprKind::kAggregate:
      return IsOfTheStep(static_cast<const promql::AggregateExpr&>(expr));
    case ExprKind::kCall:
      return IsOfTheStep(static_cast<const promql::Call&>(expr));
    default:
      return false;
  }
}

}  // namespace

bool IsCacheable(const promql::Expr& expr) {
  bool cacheable = true;
  promql::ForEachExpr(expr, [&](const promql::Expr& one) {
    cacheable = cacheable && IsCacheableNode(one);
  });
  return cacheable;
}

}  // namespace varve::query
