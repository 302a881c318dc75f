#include "lib/promql/duration.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "lib/base/status.h"

namespace varve::promql {
namespace {

struct Unit {
  std::string_view name;
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

// The number at the front of `text` and its unit; takes both away.
absl::Status TakePart(std::string_view& text, double& number,
                      std::string_view& unit) {
  const size_t digits =
      std::min(text.find_first_not_of("0123456789."), text.size());
  const auto [stop, error] =
      std::from_chars(text.data(), text.data() + digits, number);
  if (error != std::errc() || stop != text.data() + digits) {
    return base::InvalidArgument("not a valid duration string: \"", text, "\"");
  }
  text.remove_prefix(digits);
  const size_t letters =
      std::min(text.find_first_of("0123456789."), text.size());
  unit = text.substr(0, letters);
  text.remove_prefix(letters);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int64_t> ParseDurationMs(std::string_view text) {
  // Prometheus keeps durations as int64 nanoseconds.
  constexpr int64_t kMsMax = std::numeric_limits<int64_t>::max() / 1'000'000;
  if (text == "0") return 0;
  if (text.empty()) return base::InvalidArgument("empty duration string");
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  int64_t total = 0;
  const Unit* unit = std::begin(kUnits);
  for (size_t i = 0; i < text.size();) {
    int64_t count = 0;
    const size_t digits = i;
    for (; i < text.size() && is_digit(text[i]); ++i) {
      count = std::min(kMsMax, count) * 10 + (text[i] - '0');
    }
    const size_t unit_begin = i;
    while (i < text.size() && !is_digit(text[i])) ++i;
    const auto name = text.substr(unit_begin, i - unit_begin);
    while (unit != std::end(kUnits) && unit->name != name) ++unit;
    if (digits == unit_begin || unit == std::end(kUnits)) {
      return base::InvalidArgument("not a valid duration string: \"", text,
                                   "\"");
    }
    if (count > kMsMax / unit->ms || total > kMsMax - count * unit->ms) {
      return base::InvalidArgument("duration out of range: \"", text, "\"");
    }
    total += count * unit->ms;
    ++unit;
  }
  return total;
}

absl::StatusOr<double> ParseDurationSeconds(std::string_view text) {
  if (text.find('.') == text.npos) {
    ASSIGN_OR_RETURN(const int64_t ms, ParseDurationMs(text));
    return static_cast<double>(ms) / 1000;
  }
  constexpr double kMsMax = std::numeric_limits<int64_t>::max() / 1e6;
  double total_ms = 0;
  for (std::string_view rest = text; !rest.empty();) {
    double number = 0;
    std::string_view name;
    RETURN_IF_ERROR(TakePart(rest, number, name));
    const Unit* unit = std::ranges::find(kUnits, name, &Unit::name);
    if (unit == std::end(kUnits)) {
      return base::InvalidArgument("not a valid duration string: \"", text,
                                   "\"");
    }
    total_ms += number * static_cast<double>(unit->ms);
  }
  if (!(total_ms <= kMsMax)) {
    return base::InvalidArgument("duration out of range: \"", text, "\"");
  }
  return std::round(total_ms) / 1000;
}

absl::StatusOr<double> ParseStepCount(std::string_view text) {
  double number = 0;
  std::string_view unit;
  RETURN_IF_ERROR(TakePart(text, number, unit));
  if (unit != "i" || !text.empty()) {
    return base::InvalidArgument("not a valid number of steps");
  }
  return number;
}

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
    case ExprKind::kNumber: {
      const auto& number = static_cast<const NumberLiteral&>(expr);
      if (!number.is_steps) return number.value;
      return number.value * static_cast<double>(context.unit_step_ms) / 1000;
    }
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
    case ExprKind::kNumber:
      return static_cast<const NumberLiteral&>(expr).is_steps;
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
