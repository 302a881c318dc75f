#include "lib/eval/timing.h"

#include <algorithm>
#include <cmath>

#include "lib/base/status.h"
#include "lib/eval/evaluation.h"

namespace varve::eval {
namespace {

using promql::BinaryOp;
using promql::ExprKind;

// Durations beyond 300 years are mistakes; sums of times stay in int64.
constexpr double kDurationSecondsMax = 1e10;

absl::StatusOr<double> Seconds(const EvalRequest& request,
                               const promql::Expr& wrapped);

absl::StatusOr<double> BinarySeconds(const EvalRequest& request,
                                     const promql::BinaryExpr& expr) {
  ASSIGN_OR_RETURN(const double lhs, Seconds(request, *expr.lhs));
  ASSIGN_OR_RETURN(const double rhs, Seconds(request, *expr.rhs));
  switch (expr.op) {
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
      return base::InvalidArgument("unexpected operator in a duration");
  }
}

absl::StatusOr<double> CallSeconds(const EvalRequest& request,
                                   const promql::Call& call) {
  if (call.function == "step") {
    return static_cast<double>(request.step_ms) / 1000;
  }
  if ((call.function == "min" || call.function == "max") &&
      call.args.size() == 2) {
    ASSIGN_OR_RETURN(const double a, Seconds(request, *call.args[0]));
    ASSIGN_OR_RETURN(const double b, Seconds(request, *call.args[1]));
    return call.function == "min" ? std::fmin(a, b) : std::fmax(a, b);
  }
  return base::InvalidArgument("unexpected function in a duration: ",
                               call.function);
}

absl::StatusOr<double> Seconds(const EvalRequest& request,
                               const promql::Expr& wrapped) {
  const promql::Expr& expr = Unwrap(wrapped);
  switch (expr.kind) {
    case ExprKind::kNumber:
      return static_cast<const promql::NumberLiteral&>(expr).value;
    case ExprKind::kUnary: {
      const auto& unary = static_cast<const promql::UnaryExpr&>(expr);
      ASSIGN_OR_RETURN(const double value, Seconds(request, *unary.expr));
      return unary.negate ? -value : value;
    }
    case ExprKind::kBinary:
      return BinarySeconds(request,
                           static_cast<const promql::BinaryExpr&>(expr));
    case ExprKind::kCall:
      return CallSeconds(request, static_cast<const promql::Call&>(expr));
    default:
      return base::InvalidArgument("unexpected expression in a duration");
  }
}

}  // namespace

absl::StatusOr<int64_t> DurationMs(const EvalRequest& request,
                                   const promql::DurationValue& duration) {
  double seconds = static_cast<double>(duration.ms) / 1000;
  if (duration.expr != nullptr) {
    ASSIGN_OR_RETURN(seconds, Seconds(request, *duration.expr));
  }
  if (!(std::fabs(seconds) <= kDurationSecondsMax)) {
    return base::InvalidArgument("duration out of range");
  }
  if (duration.expr == nullptr) return duration.ms;
  return static_cast<int64_t>(std::round(seconds * 1000));
}

absl::StatusOr<int64_t> PositiveDurationMs(
    const EvalRequest& request, const promql::DurationValue& duration) {
  ASSIGN_OR_RETURN(const int64_t ms, DurationMs(request, duration));
  if (ms <= 0) {
    return base::InvalidArgument("duration must be greater than 0");
  }
  return ms;
}

absl::StatusOr<rollup::Windows> WindowsOf(const EvalRequest& request,
                                          const promql::TimeModifiers& time,
                                          int64_t range_ms,
                                          const StepRange& steps) {
  ASSIGN_OR_RETURN(const int64_t offset_ms, DurationMs(request, time.offset));
  rollup::Windows windows;
  windows.range_ms = range_ms;
  windows.count = steps.count;
  windows.first_eval_ms = steps.start_ms;
  windows.eval_step_ms = steps.step_ms;
  windows.end_step_ms = 0;
  switch (time.at) {
    case promql::AtKind::kNone:
      windows.first_end_ms = steps.start_ms;
      windows.end_step_ms = steps.step_ms;
      break;
    case promql::AtKind::kTimestamp:
      windows.first_end_ms = time.at_ms;
      break;
    case promql::AtKind::kStart:
      windows.first_end_ms = request.start_ms;
      break;
    case promql::AtKind::kEnd:
      windows.first_end_ms =
          request.step_ms == 0 ? request.start_ms : request.end_ms;
      break;
  }
  // No sample is that far away.
  windows.first_end_ms =
      std::clamp(windows.first_end_ms, -kTimeMaxMs, kTimeMaxMs);
  windows.first_end_ms -= offset_ms;
  return windows;
}

}  // namespace varve::eval
