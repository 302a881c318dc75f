#include "lib/promql/duration.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lib/base/status.h"

namespace varve::promql {
namespace {

struct Unit {
  const char* name;
  int64_t ms;
  // Written only when the rest is a whole number of them: 1y and 2w, but
  // 366d.
  bool exact_only;
};
constexpr Unit kUnits[] = {
    {"y", 365LL * 86'400'000, true},
    {"w", 7LL * 86'400'000, true},
    {"d", 86'400'000, false},
    {"h", 3'600'000, false},
    {"m", 60'000, false},
    {"s", 1'000, false},
    {"ms", 1, false},
};

absl::StatusOr<double> EvaluateBinary(const BinaryExpr& binary,
                                      const DurationContext& context) {
  ASSIGN_OR_RETURN(const double lhs,
                   EvaluateDurationSeconds(*binary.lhs, context));
  ASSIGN_OR_RETURN(const double rhs,
                   EvaluateDurationSeconds(*binary.rhs, context));
  switch (binary.op) {
    case BinaryOp::kAdd:
      return lhs + rhs;
    case BinaryOp::kSub:
      return lhs - rhs;
    case BinaryOp::kMul:
      return lhs * rhs;
    case BinaryOp::kDiv:
      if (rhs == 0) return base::InvalidArgument("division by zero");
      return lhs / rhs;
    case BinaryOp::kMod:
      if (rhs == 0) return base::InvalidArgument("modulo by zero");
      return std::fmod(lhs, rhs);
    case BinaryOp::kPow:
      return std::pow(lhs, rhs);
    default:
      return base::InvalidArgument("operator not allowed in a duration");
  }
}

absl::StatusOr<double> EvaluateCall(const Call& call,
                                    const DurationContext& context) {
  if (call.function == "step") return context.step_ms / 1000.0;
  if (call.function == "range") return context.range_ms / 1000.0;
  if (call.args.size() != 2) {
    return base::Internal("duration function ", call.function, " with ",
                          call.args.size(), " arguments");
  }
  ASSIGN_OR_RETURN(const double a,
                   EvaluateDurationSeconds(*call.args[0], context));
  ASSIGN_OR_RETURN(const double b,
                   EvaluateDurationSeconds(*call.args[1], context));
  return call.function.starts_with("min") ? std::min(a, b) : std::max(a, b);
}

}  // namespace

std::string DurationText(int64_t ms) {
  if (ms == 0) return "0s";
  std::string out;
  // The magnitude of the smallest int64 does not fit one.
  uint64_t rest = static_cast<uint64_t>(ms);
  if (ms < 0) {
    out = "-";
    rest = 0 - rest;
  }
  for (const Unit& unit : kUnits) {
    const uint64_t unit_ms = static_cast<uint64_t>(unit.ms);
    if (unit.exact_only && rest % unit_ms != 0) continue;
    if (rest < unit_ms) continue;
    base::StrAppend(&out, rest / unit_ms, unit.name);
    rest %= unit_ms;
  }
  return out;
}

absl::StatusOr<double> EvaluateDurationSeconds(const Expr& expr,
                                               const DurationContext& context) {
  switch (expr.kind) {
    case ExprKind::kNumber:
      return static_cast<const NumberLiteral&>(expr).value;
    case ExprKind::kParen:
      return EvaluateDurationSeconds(*static_cast<const ParenExpr&>(expr).expr,
                                     context);
    case ExprKind::kUnary: {
      const auto& unary = static_cast<const UnaryExpr&>(expr);
      ASSIGN_OR_RETURN(const double value,
                       EvaluateDurationSeconds(*unary.expr, context));
      return unary.negate ? -value : value;
    }
    case ExprKind::kBinary:
      return EvaluateBinary(static_cast<const BinaryExpr&>(expr), context);
    case ExprKind::kCall:
      return EvaluateCall(static_cast<const Call&>(expr), context);
    default:
      return base::Internal("expression of kind ", static_cast<int>(expr.kind),
                            " in a duration");
  }
}

absl::StatusOr<int64_t> DurationMs(const DurationValue& duration,
                                   const DurationContext& context) {
  if (duration.expr == nullptr) return duration.ms;
  ASSIGN_OR_RETURN(const double seconds,
                   EvaluateDurationSeconds(*duration.expr, context));
  // Beyond this Prometheus' int64 nanoseconds overflow.
  constexpr double kSecondsMax = std::numeric_limits<int64_t>::max() / 1e9;
  if (!(std::fabs(seconds) <= kSecondsMax)) {
    return base::InvalidArgument("duration out of range");
  }
  return static_cast<int64_t>(std::round(seconds * 1000));
}

bool DependsOnQuery(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kParen:
      return DependsOnQuery(*static_cast<const ParenExpr&>(expr).expr);
    case ExprKind::kUnary:
      return DependsOnQuery(*static_cast<const UnaryExpr&>(expr).expr);
    case ExprKind::kBinary: {
      const auto& binary = static_cast<const BinaryExpr&>(expr);
      return DependsOnQuery(*binary.lhs) || DependsOnQuery(*binary.rhs);
    }
    case ExprKind::kCall: {
      const auto& call = static_cast<const Call&>(expr);
      return call.args.empty() ||
             std::any_of(
                 call.args.begin(), call.args.end(),
                 [](const ExprPtr& arg) { return DependsOnQuery(*arg); });
    }
    default:
      return false;
  }
}

}  // namespace varve::promql
