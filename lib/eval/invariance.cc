#include "lib/eval/invariance.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "lib/eval/column_transforms.h"

namespace varve::eval {
namespace {

using promql::ExprKind;

constexpr std::array<std::string_view, 15> kDependOnTime = {
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "hour",
    "minute",
    "month",
    "year",
    "time",
    "timestamp",
    "rand",
    "rand_normal",
    "rand_exponential",
    "predict_linear",
    "timezone_offset",
};

bool Pinned(const promql::TimeModifiers& time) {
  return time.at != promql::AtKind::kNone;
}

bool FindInAll(const std::vector<promql::ExprPtr>& exprs,
               InvarianceCache& cache) {
  return std::all_of(exprs.begin(), exprs.end(),
                     [&cache](const promql::ExprPtr& expr) {
                       return FindStepInvariance(*expr, cache);
                     });
}

// A chain a + b + c … from its innermost operator outwards.
bool FindInChain(const promql::BinaryExpr& binary, InvarianceCache& cache) {
  std::vector<const promql::BinaryExpr*> chain = {&binary};
  while (chain.back()->lhs->kind == ExprKind::kBinary &&
         !cache.contains(chain.back()->lhs.get())) {
    chain.push_back(
        static_cast<const promql::BinaryExpr*>(chain.back()->lhs.get()));
  }
  bool all = FindStepInvariance(*chain.back()->lhs, cache);
  for (; !chain.empty(); chain.pop_back()) {
    all = FindStepInvariance(*chain.back()->rhs, cache) && all;
    cache[chain.back()] = all;
  }
  return all;
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
    case ExprKind::kBinary:
      return FindInChain(static_cast<const promql::BinaryExpr&>(expr), cache);
    case ExprKind::kShift: {
      const auto& shift = static_cast<const promql::ShiftExpr&>(expr);
      return Pinned(shift.time) || FindStepInvariance(*shift.expr, cache);
    }
    case ExprKind::kAggregate: {
      const auto& aggregate = static_cast<const promql::AggregateExpr&>(expr);
      return FindStepInvariance(*aggregate.expr, cache) &&
             (aggregate.param == nullptr ||
              FindStepInvariance(*aggregate.param, cache)) &&
             FindInAll(aggregate.more_params, cache) &&
             FindInAll(aggregate.more_exprs, cache);
    }
    case ExprKind::kCall: {
      const auto& call = static_cast<const promql::Call&>(expr);
      if (std::find(kDependOnTime.begin(), kDependOnTime.end(),
                    call.function) != kDependOnTime.end()) {
        return false;
      }
      // Their value at a step depends on the other steps.
      if (FindColumnTransform(call.function) != nullptr) return false;
      return FindInAll(call.args, cache);
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
