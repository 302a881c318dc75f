#include "lib/eval/stream_plan.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

#include "absl/strings/str_format.h"
#include "lib/base/status.h"
#include "lib/eval/notes.h"
#include "lib/eval/timing.h"

namespace varve::eval {
namespace {

using promql::ExprKind;

// All series of the selector have the same name.
bool TakesOneName(const promql::VectorSelector& selector) {
  if (!selector.name.empty()) return true;
  if (!selector.or_matchers.empty()) return false;
  return std::any_of(selector.matchers.begin(), selector.matchers.end(),
                     [](const model::Matcher& matcher) {
                       return matcher.type == model::MatchType::kEqual &&
                              matcher.name == model::kMetricName;
                     });
}

absl::Status CheckFactors(const std::vector<double>& values,
                          std::string_view name, std::string_view symbol) {
  for (double value : values) {
    if (value > 0 && value < 1) continue;
    return absl::InvalidArgumentError(
        absl::StrFormat("invalid %s factor. Expected: 0 < %s < 1, got: %f",
                        base::ToAbsl(name), base::ToAbsl(symbol), value));
  }
  return absl::OkStatus();
}

struct ExtendedFunction {
  std::string_view name;
  rollup::Function anchored;
  std::optional<rollup::Function> smoothed;
};
constexpr ExtendedFunction kExtendedFunctions[] = {
    {"changes", rollup::Function::kAnchoredChanges, std::nullopt},
    {"delta", rollup::Function::kAnchoredDelta,
     rollup::Function::kSmoothedDelta},
    {"increase", rollup::Function::kAnchoredIncrease,
     rollup::Function::kSmoothedIncrease},
    {"rate", rollup::Function::kAnchoredRate, rollup::Function::kSmoothedRate},
    {"resets", rollup::Function::kAnchoredResets, std::nullopt},
};

// REQUIRES: CheckEdges was ok, or no name: an instant selector's.
rollup::Function ExtendedOf(std::string_view name, promql::RangeEdges edges) {
  const bool smoothed = edges == promql::RangeEdges::kSmoothed;
  for (const ExtendedFunction& extended : kExtendedFunctions) {
    if (extended.name != name) continue;
    return smoothed ? *extended.smoothed : extended.anchored;
  }
  return smoothed ? rollup::Function::kSmoothedDefault
                  : rollup::Function::kDefault;
}

// What an instant selector reads in MetricsQL: the step, but no more than
// max_lookback.
int64_t InstantRangeMs(const EvalRequest& request) {
  const int64_t step_ms = QueryStepMs(request);
  return request.staleness_max_ms > 0
             ? std::min(step_ms, request.staleness_max_ms)
             : step_ms;
}

}  // namespace

RollupArguments SplitArguments(const promql::Call& call) {
  RollupArguments arguments;
  arguments.call = &call;
  for (const promql::ExprPtr& arg : call.args) {
    const promql::Expr& expr = Unwrap(*arg);
    if (expr.type == promql::ValueType::kScalar) {
      arguments.scalars.push_back(&expr);
    } else if (expr.type != promql::ValueType::kString) {
      arguments.range_vector = &expr;
    }
  }
  return arguments;
}

absl::Status FillArguments(Evaluation& ev, rollup::Function function,
                           const RollupArguments& arguments,
                           const StepRange& steps, StreamPlan& plan) {
  if (!arguments.scalars.empty()) {
    ASSIGN_OR_RETURN(plan.first_argument,
                     ev.EvalScalar(*arguments.scalars[0], steps));
  }
  if (arguments.scalars.size() > 1) {
    ASSIGN_OR_RETURN(plan.second_argument,
                     ev.EvalScalar(*arguments.scalars[1], steps));
  }
  plan.rollup.function = function;
  plan.rollup.position = ArgumentPosition(ev, *arguments.call, 0);
  plan.rollup.arguments = {plan.first_argument, plan.second_argument};
  if (function == rollup::Function::kDoubleExponentialSmoothing) {
    RETURN_IF_ERROR(CheckFactors(plan.first_argument, "smoothing", "sf"));
    RETURN_IF_ERROR(CheckFactors(plan.second_argument, "trend", "tf"));
  }
  return absl::OkStatus();
}

absl::Status CheckEdges(const promql::VectorSelector& selector,
                        std::string_view function_name) {
  if (selector.edges == promql::RangeEdges::kPlain) return absl::OkStatus();
  const bool smoothed = selector.edges == promql::RangeEdges::kSmoothed;
  for (const ExtendedFunction& extended : kExtendedFunctions) {
    if (extended.name != function_name) continue;
    if (!smoothed || extended.smoothed) return absl::OkStatus();
  }
  return base::InvalidArgument(
      smoothed ? "smoothed modifier can only be used with: delta, increase, "
                 "rate - not with "
               : "anchored modifier can only be used with: changes, delta, "
                 "increase, rate, resets - not with ",
      function_name);
}

absl::Status FillWindows(Evaluation& ev, const promql::Expr& range_vector,
                         std::string_view function_name, const StepRange& steps,
                         StreamPlan& plan) {
  const EvalRequest& request = ev.request();
  const bool metricsql = request.dialect == promql::Dialect::kMetricsql;
  int64_t range_ms = request.lookback_ms;
  bool fits_interval = metricsql;
  if (range_vector.kind == ExprKind::kMatrixSelector) {
    const auto& matrix =
        static_cast<const promql::MatrixSelector&>(range_vector);
    plan.rollup.selector = matrix.selector.get();
    ASSIGN_OR_RETURN(range_ms, RangeMs(request, matrix));
    fits_interval = matrix.implicit;
  } else {
    plan.rollup.selector =
        static_cast<const promql::VectorSelector*>(&range_vector);
    if (metricsql) range_ms = InstantRangeMs(request);
  }
  ASSIGN_OR_RETURN(plan.rollup.windows,
                   WindowsOf(ev, plan.rollup.selector->time, range_ms, steps));
  plan.rollup.windows.fits_interval = fits_interval;
  if (plan.rollup.selector->edges == promql::RangeEdges::kPlain) {
    return absl::OkStatus();
  }
  if (!function_name.empty()) {
    RETURN_IF_ERROR(CheckEdges(*plan.rollup.selector, function_name));
  }
  plan.rollup.function = ExtendedOf(function_name, plan.rollup.selector->edges);
  plan.rollup.windows.previous_ms = ev.request().lookback_ms;
  return absl::OkStatus();
}

bool HasImplicitRange(const promql::Expr& range) {
  if (range.kind == ExprKind::kMatrixSelector) {
    return static_cast<const promql::MatrixSelector&>(range).implicit;
  }
  return range.kind == ExprKind::kSubquery &&
         static_cast<const promql::SubqueryExpr&>(range).implicit;
}

rollup::Function FunctionOf(const Evaluation& ev, const promql::Call& call,
                            const RollupArguments& arguments) {
  const rollup::Function function = *rollup::FunctionByName(call.function);
  const bool metricsql =
      HasImplicitRange(*arguments.range_vector) ||
      ev.request().dialect == promql::Dialect::kMetricsql;
  return metricsql ? rollup::InMetricsql(function) : function;
}

bool CanStream(const promql::Expr& unwrapped) {
  if (unwrapped.kind == ExprKind::kVectorSelector) return true;
  if (unwrapped.kind != ExprKind::kCall) return false;
  const auto& call = static_cast<const promql::Call&>(unwrapped);
  if (!rollup::FunctionByName(call.function)) return false;
  const promql::Expr* source = SplitArguments(call).range_vector;
  return source != nullptr && (source->kind == ExprKind::kMatrixSelector ||
                               source->kind == ExprKind::kVectorSelector);
}

absl::Status MakeStreamPlan(Evaluation& ev, const promql::Expr& unwrapped,
                            const StepRange& steps, StreamPlan& plan) {
  if (unwrapped.kind == ExprKind::kVectorSelector) {
    plan.rollup.function = rollup::Function::kDefault;
    return FillWindows(ev, unwrapped, "", steps, plan);
  }
  const auto& call = static_cast<const promql::Call&>(unwrapped);
  const RollupArguments arguments = SplitArguments(call);
  const rollup::Function function = FunctionOf(ev, call, arguments);
  RETURN_IF_ERROR(FillArguments(ev, function, arguments, steps, plan));
  RETURN_IF_ERROR(
      FillWindows(ev, *arguments.range_vector, call.function, steps, plan));
  plan.drop_name = !rollup::KeepsName(function) && !ev.KeepsNames(call);
  plan.may_collide = plan.drop_name && !TakesOneName(*plan.rollup.selector);
  return absl::OkStatus();
}

}  // namespace varve::eval
