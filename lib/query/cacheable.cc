#include "lib/query/cacheable.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "lib/promql/functions.h"

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

bool IsCacheable(const promql::ExprPtr& expr) {
  return expr == nullptr || query::IsCacheable(*expr);
}

bool IsCacheableCall(const promql::Call& call) {
  constexpr std::array<std::string_view, 3> kOfTheRange = {"end", "range",
                                                           "start"};
  if (std::ranges::find(kOfTheRange, call.function) != kOfTheRange.end()) {
    return false;
  }
  const promql::FunctionInfo* info = promql::FindFunction(call.function);
  return info != nullptr && std::ranges::all_of(call.args, [](const auto& arg) {
           return IsCacheable(arg);
         });
}

}  // namespace

bool IsCacheable(const promql::Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kNumber:
    case ExprKind::kString:
      return true;
    case ExprKind::kVectorSelector:
      return LooksBack(static_cast<const promql::VectorSelector&>(expr).time);
    case ExprKind::kMatrixSelector: {
      const auto& matrix = static_cast<const promql::MatrixSelector&>(expr);
      return IsFixed(matrix.range) && IsCacheable(*matrix.selector);
    }
    case ExprKind::kSubquery: {
      const auto& subquery = static_cast<const promql::SubqueryExpr&>(expr);
      return IsFixed(subquery.range) && IsFixed(subquery.step) &&
             LooksBack(subquery.time) && IsCacheable(subquery.expr);
    }
    case ExprKind::kUnary:
      return IsCacheable(static_cast<const promql::UnaryExpr&>(expr).expr);
    case ExprKind::kBinary: {
      const auto& binary = static_cast<const promql::BinaryExpr&>(expr);
      return IsCacheable(binary.lhs) && IsCacheable(binary.rhs);
    }
    case ExprKind::kAggregate: {
      const auto& aggregate = static_cast<const promql::AggregateExpr&>(expr);
      return aggregate.op <= promql::AggregateOp::kLimitRatio &&
             IsCacheable(aggregate.expr) && IsCacheable(aggregate.param);
    }
    case ExprKind::kCall:
      return IsCacheableCall(static_cast<const promql::Call&>(expr));
    case ExprKind::kParen:
      return IsCacheable(static_cast<const promql::ParenExpr&>(expr).expr);
    default:
      return false;
  }
}

}  // namespace varve::query
