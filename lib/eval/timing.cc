#include "lib/eval/timing.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "lib/base/status.h"
#include "lib/promql/duration.h"
#include "lib/promql/printer.h"

namespace varve::eval {
namespace {

// Durations beyond 300 years are mistakes; sums of times stay in int64.
constexpr int64_t kDurationMaxMs = 10'000'000'000'000;

// As step() and range() stand in durations; an instant query has neither.
promql::DurationContext ContextOf(const EvalRequest& request) {
  promql::DurationContext context;
  context.unit_step_ms = QueryStepMs(request);
  if (request.step_ms == 0) return context;
  context.step_ms = request.step_ms;
  context.range_ms = request.end_ms - request.start_ms;
  return context;
}

// The moment that a scalar names, at the query's start.
absl::StatusOr<int64_t> EvalAt(Evaluation& ev, const promql::Expr& at) {
  StepRange start;
  start.start_ms = ev.request().start_ms;
  ASSIGN_OR_RETURN(const std::vector<double> seconds, ev.EvalScalar(at, start));
  const double ms = std::round(seconds[0] * 1000);
  if (std::isnan(ms)) {
    return base::InvalidArgument("the time after @ is no number: ",
                                 promql::ExprText(at));
  }
  constexpr auto kMax = static_cast<double>(kTimeMaxMs);
  return static_cast<int64_t>(std::clamp(ms, -kMax, kMax));
}

}  // namespace

int64_t QueryStepMs(const EvalRequest& request) {
  return request.step_ms > 0 ? request.step_ms : request.default_step_ms;
}

absl::StatusOr<int64_t> RangeMs(const EvalRequest& request,
                                const promql::MatrixSelector& matrix) {
  if (matrix.implicit) return QueryStepMs(request);
  return PositiveDurationMs(request, matrix.range);
}

absl::StatusOr<int64_t> DurationMs(const EvalRequest& request,
                                   const promql::DurationValue& duration) {
  ASSIGN_OR_RETURN(const int64_t ms,
                   promql::DurationMs(duration, ContextOf(request)));
  if (ms < -kDurationMaxMs || ms > kDurationMaxMs) {
    return base::InvalidArgument("duration out of range");
  }
  return ms;
}

absl::StatusOr<int64_t> PositiveDurationMs(
    const EvalRequest& request, const promql::DurationValue& duration) {
  ASSIGN_OR_RETURN(const int64_t ms, DurationMs(request, duration));
  if (ms <= 0) {
    return base::InvalidArgument("duration must be greater than 0");
  }
  return ms;
}

absl::StatusOr<rollup::Windows> WindowsOf(Evaluation& ev,
                                          const promql::TimeModifiers& time,
                                          int64_t range_ms,
                                          const StepRange& steps) {
  const EvalRequest& request = ev.request();
  ASSIGN_OR_RETURN(const int64_t offset_ms, DurationMs(request, time.offset));
  rollup::Windows windows;
  windows.range_ms = range_ms;
  windows.count = steps.count;
  windows.first_eval_ms = steps.start_ms;
  windows.eval_step_ms = steps.step_ms;
  windows.end_step_ms = 0;
  // Where there is one moment only, MetricsQL takes the step for the distance
  // of the samples.
  if (request.step_ms == 0 && steps.count == 1) {
    windows.previous_ms = request.default_step_ms;
  } else if (time.at != promql::AtKind::kNone ||
             (steps.count == 1 && request.start_ms == request.end_ms)) {
    windows.previous_ms =
        steps.count > 1 ? steps.step_ms : QueryStepMs(request);
  }
  windows.previous_min_ms = request.staleness_min_ms;
  windows.previous_max_ms = request.staleness_max_ms;
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
    case promql::AtKind::kExpr: {
      ASSIGN_OR_RETURN(windows.first_end_ms, EvalAt(ev, *time.at_expr));
      break;
    }
  }
  // No sample is that far away.
  windows.first_end_ms =
      std::clamp(windows.first_end_ms, -kTimeMaxMs, kTimeMaxMs);
  windows.first_end_ms -= offset_ms;
  return windows;
}

}  // namespace varve::eval
