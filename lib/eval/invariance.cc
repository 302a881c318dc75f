#include "lib/eval/invariance.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace varve::eval {
namespace {

using promql::ExprKind;

constexpr std::array<std::string_view, 11> kDependOnTime = {
    "days_in_month", "day_of_month", "day_of_week",    "day_of_year",
    "hour",          "minute",       "month",          "year",
    "time",          "timestamp",    "predict_linear",
};

bool Pinned(const promql::TimeModifiers& time) {
  return time.at != promql::AtKind::kNone;
}

bool Find(const promql::Expr& expr, InvarianceCache& cache) {
  switch (expr.kind) {
    case ExprKind::kNumber:
    case ExprKind::kString:
      return true;
    case ExprKind::kVectorSelector:
      return Pinned(static_cast<const promql::VectorSelector&>(expr).time);
    case ExprKind::kMatrixSelector:
      return Pinned(
          static_cast<const promql::MatrixSelector&>(expr).selector->time);
    case ExprKind::kSubquery:
      return Pinned(static_cast<const promql::SubqueryExpr&>(expr).time);
    case ExprKind::kUnary:
      return FindStepInvariance(
          *static_cast<const promql::UnaryExpr&>(expr).expr, cache);
    case ExprKind::kParen:
      return FindStepInvariance(
          *static_cast<const promql::ParenExpr&>(expr).expr, cache);
    case ExprKind::kBinary: {
      const auto& binary = static_cast<const promql::BinaryExpr&>(expr);
      return FindStepInvariance(*binary.lhs, cache) &&
             FindStepInvariance(*binary.rhs, cache);
    }
    case ExprKind::kAggregate: {
      const auto& aggregate = static_cast<const promql::AggregateExpr&>(expr);
      return FindStepInvariance(*aggregate.expr, cache) &&
             (aggregate.param == nullptr ||
              FindStepInvariance(*aggregate.param, cache));
    }
    case ExprKind::kCall: {
      const auto& call = static_cast<const promql::Call&>(expr);
      if (std::find(kDependOnTime.begin(), kDependOnTime.end(),
                    call.function) != kDependOnTime.end()) {
        return false;
      }
      return std::all_of(call.args.begin(), call.args.end(),
                         [&cache](const promql::ExprPtr& arg) {
                           return FindStepInvariance(*arg, cache);
                         });
    }
  }
  return false;
}

}  // namespace

bool FindStepInvariance(const promql::Expr& expr, InvarianceCache& cache) {
  if (const auto it = cache.find(&expr); it != cache.end()) return it->second;
  const bool found = Find(expr, cache);
  cache[&expr] = found;
  return found;
}

}  // namespace varve::eval
