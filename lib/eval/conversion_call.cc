// Between scalars and vectors: scalar, vector, time, pi, timestamp,
// start_timestamp.
#include <cmath>
#include <numbers>
#include <utility>

#include "lib/base/status.h"
#include "lib/eval/families.h"
#include "lib/eval/stream_plan.h"

namespace varve::eval {
namespace {

// The value of the only float at each step, NaN if there is not just one.
absl::StatusOr<Value> ScalarCall(Evaluation& ev, const promql::Call& call,
                                 const StepRange& steps) {
  ASSIGN_OR_RETURN(const Value input, ev.Eval(*call.args[0], steps));
  std::vector<double> values(steps.count, Absent());
  std::vector<bool> several(steps.count);
  for (const EvalSeries& series : input.series) {
    for (size_t i = 0; i < steps.count; ++i) {
      if (IsAbsent(series.values[i])) continue;
      if (!IsAbsent(values[i])) several[i] = true;
      values[i] = series.values[i];
    }
  }
  for (size_t i = 0; i < steps.count; ++i) {
    if (several[i] || IsAbsent(values[i])) values[i] = model::NormalNan();
  }
  return Value::Scalar(std::move(values));
}

absl::StatusOr<Value> VectorCall(Evaluation& ev, const promql::Call& call,
                                 const StepRange& steps) {
  ASSIGN_OR_RETURN(std::vector<double> values,
                   ev.EvalScalar(*call.args[0], steps));
  Value value;
  value.series.push_back({{}, false, std::move(values)});
  return value;
}

absl::StatusOr<Value> TimeCall(Evaluation&, const promql::Call&,
                               const StepRange& steps) {
  std::vector<double> values(steps.count);
  for (size_t i = 0; i < steps.count; ++i) {
    values[i] = static_cast<double>(steps.At(i)) / 1000;
  }
  return Value::Scalar(std::move(values));
}

absl::StatusOr<Value> PiCall(Evaluation&, const promql::Call&,
                             const StepRange& steps) {
  return Value::Scalar(std::vector<double>(steps.count, std::numbers::pi));
}

// Of a selector the samples' own timestamps, of anything else the steps'.
absl::StatusOr<Value> TimestampCall(Evaluation& ev, const promql::Call& call,
                                    const StepRange& steps) {
  const promql::Expr& arg = Unwrap(*call.args[0]);
  Value value;
  if (arg.kind == promql::ExprKind::kVectorSelector) {
    StreamPlan plan;
    RETURN_IF_ERROR(MakeStreamPlan(ev, arg, steps, plan));
    plan.rollup.function = rollup::Function::kTsOfDefault;
    ASSIGN_OR_RETURN(value, CollectColumns(ev, plan.rollup));
  } else {
    ASSIGN_OR_RETURN(value, ev.Eval(arg, steps));
    for (EvalSeries& series : value.series) {
      for (size_t i = 0; i < steps.count; ++i) {
        if (!series.HasSample(i)) continue;
        series.values[i] = static_cast<double>(steps.At(i)) / 1000;
      }
      series.DropHistograms();
    }
  }
  for (EvalSeries& series : value.series) ev.DropName(series);
  RETURN_IF_ERROR(ev.AfterDrop(value.series));
  return value;
}

// Of a selector when each sample's counting began; nothing else has that.
absl::StatusOr<Value> StartTimestampCall(Evaluation& ev,
                                         const promql::Call& call,
                                         const StepRange& steps) {
  const promql::Expr& arg = Unwrap(*call.args[0]);
  if (arg.kind != promql::ExprKind::kVectorSelector) {
    RETURN_IF_ERROR(ev.Eval(arg, steps).status());
    return Value();
  }
  StreamPlan plan;
  RETURN_IF_ERROR(MakeStreamPlan(ev, arg, steps, plan));
  plan.rollup.function = rollup::Function::kTsOfDefault;
  plan.rollup.starts = true;
  ASSIGN_OR_RETURN(Value value, CollectColumns(ev, plan.rollup));
  for (EvalSeries& series : value.series) ev.DropName(series);
  RETURN_IF_ERROR(ev.AfterDrop(value.series));
  return value;
}

}  // namespace

CallFamily FindConversionCall(std::string_view name) {
  if (name == "scalar") return ScalarCall;
  if (name == "vector") return VectorCall;
  if (name == "time") return TimeCall;
  if (name == "pi") return PiCall;
  if (name == "timestamp") return TimestampCall;
  if (name == "start_timestamp") return StartTimestampCall;
  return nullptr;
}

}  // namespace varve::eval
