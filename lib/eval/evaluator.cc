#include "lib/eval/evaluator.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lib/base/status.h"
#include "lib/base/stopwatch.h"
#include "lib/eval/column_stream.h"
#include "lib/eval/evaluation.h"
#include "lib/eval/subquery.h"
#include "lib/eval/timing.h"
#include "lib/promql/functions.h"

namespace varve::eval {
namespace {

using promql::ValueType;

absl::StatusOr<StepRange> StepsOf(const EvalRequest& request) {
  StepRange steps;
  steps.start_ms = request.start_ms;
  for (int64_t time_ms : {request.start_ms, request.end_ms}) {
    if (time_ms > kTimeMaxMs || time_ms < -kTimeMaxMs) {
      return base::InvalidArgument(
          "the query's time is out of range: ", time_ms, " ms");
    }
  }
  if (request.step_ms == 0) return steps;
  if (request.step_ms < 0) {
    return base::InvalidArgument(
        "zero or negative query resolution step widths are not accepted. Try "
        "a positive integer");
  }
  if (request.end_ms < request.start_ms) {
    return base::InvalidArgument("end timestamp must not be before start time");
  }
  steps.step_ms = request.step_ms;
  const int64_t count =
      (request.end_ms - request.start_ms) / request.step_ms + 1;
  const int64_t count_max = request.limits.points_per_series_max;
  if (count_max > 0 && count > count_max) {
    return base::ResourceExhausted(
        "too many points for the given start, end and step: ", count,
        "; the maximum is ", count_max,
        "; raise the step or -search.maxPointsPerTimeseries");
  }
  steps.count = static_cast<size_t>(count);
  return steps;
}

// Of an `anchored` or `smoothed` range.
absl::StatusOr<std::vector<SeriesData>> ExtendedSamples(Evaluation& ev,
                                                        RollupPlan plan) {
  const bool smoothed = plan.selector->edges == promql::RangeEdges::kSmoothed;
  plan.function = smoothed ? rollup::Function::kSmoothedDelta
                           : rollup::Function::kAnchoredDelta;
  plan.windows.previous_ms = ev.request().lookback_ms;
  ASSIGN_OR_RETURN(std::vector<SeriesData> all, CollectSamples(ev, plan));
  const int64_t end_ms = plan.windows.first_end_ms;
  for (SeriesData& series : all) {
    if (!series.histograms.empty()) {
      return base::InvalidArgument(
          "smoothed and anchored modifiers do not work with native "
          "histograms");
    }
    rollup::ExtendSamples(smoothed, end_ms - plan.windows.range_ms, end_ms,
                          series.samples);
  }
  std::erase_if(
      all, [](const SeriesData& series) { return series.samples.empty(); });
  return all;
}

// By labels. Series that were told apart by a name that is gone are an error.
absl::StatusOr<std::vector<SeriesData>> SortUnlikeLabels(
    std::vector<SeriesData> all) {
  std::sort(all.begin(), all.end(),
            [](const SeriesData& a, const SeriesData& b) {
              return a.labels < b.labels;
            });
  const auto twin = std::adjacent_find(
      all.begin(), all.end(), [](const SeriesData& a, const SeriesData& b) {
        return a.labels == b.labels;
      });
  if (twin != all.end()) return base::InvalidArgument(kSameLabelSetText);
  return all;
}

absl::StatusOr<std::vector<SeriesData>> RawSamples(Evaluation& ev,
                                                   const promql::Expr& expr,
                                                   const StepRange& steps) {
  if (expr.kind == promql::ExprKind::kMatrixSelector) {
    const auto& matrix = static_cast<const promql::MatrixSelector&>(expr);
    RollupPlan plan;
    plan.selector = matrix.selector.get();
    ASSIGN_OR_RETURN(const int64_t range_ms, RangeMs(ev.request(), matrix));
    ASSIGN_OR_RETURN(plan.windows,
                     WindowsOf(ev, plan.selector->time, range_ms, steps));
    if (plan.selector->edges == promql::RangeEdges::kPlain) {
      return CollectSamples(ev, plan);
    }
    return ExtendedSamples(ev, plan);
  }
  ASSIGN_OR_RETURN(
      SubqueryResult inner,
      EvalSubquery(ev, static_cast<const promql::SubqueryExpr&>(expr),
                   rollup::Function::kLast, steps));
  if (ev.counter() != nullptr) ev.counter()->AddAt(0, inner.samples_read);
  std::vector<SeriesData> raw;
  for (EvalSeries& series : inner.value.series) {
    SeriesData data;
    SamplesOf(inner, series, data);
    if (data.samples.empty() && data.histograms.empty()) continue;
    data.labels = std::move(series.labels);
    if (series.drop_name) RemoveMetadata(data.labels);
    raw.push_back(std::move(data));
  }
  return SortUnlikeLabels(std::move(raw));
}

// In MetricsQL a scalar is a series without labels, and NaN is no sample.
void AsMetricsql(Value& value) {
  if (value.type == ValueType::kScalar) {
    value.type = ValueType::kVector;
    value.series.push_back({{}, false, std::move(value.scalar), {}});
  }
  for (EvalSeries& series : value.series) {
    for (double& v : series.values) {
      if (std::isnan(v)) v = Absent();
    }
  }
}

absl::Status MoveSeries(const Evaluation& ev, Value value, EvalResult& result) {
  if (ev.request().delayed_name_removal) {
    bool any_dropped = false;
    for (EvalSeries& series : value.series) {
      if (!series.drop_name) continue;
      RemoveMetadata(series.labels);
      any_dropped = true;
    }
    if (any_dropped) RETURN_IF_ERROR(ev.AfterChange(value.series));
  }
  RemoveEmpty(value.series);
  if (!value.ordered || ev.request().step_ms != 0) SortByLabels(value.series);
  for (EvalSeries& series : value.series) {
    if (AllNull(series.histograms)) series.DropHistograms();
    result.series.push_back({std::move(series.labels), std::move(series.values),
                             std::move(series.histograms)});
  }
  return absl::OkStatus();
}

absl::StatusOr<EvalResult> EvaluateTree(Evaluation& ev,
                                        const promql::Expr& expr,
                                        const StepRange& steps) {
  const bool range = ev.request().step_ms != 0;
  EvalResult result;
  int64_t sort_us = 0;
  result.type = range ? ValueType::kMatrix : expr.type;
  if (expr.type == ValueType::kMatrix) {
    ASSIGN_OR_RETURN(result.raw, RawSamples(ev, expr, steps));
  } else {
    ASSIGN_OR_RETURN(Value value, ev.Eval(expr, steps));
    if (ev.request().dialect == promql::Dialect::kMetricsql) {
      AsMetricsql(value);
      if (!range) result.type = value.type;
    }
    if (value.type == ValueType::kScalar) {
      result.series.push_back({{}, std::move(value.scalar)});
    } else if (value.type == ValueType::kString) {
      result.string_value = std::move(value.text);
    } else {
      const base::Stopwatch sorting;
      RETURN_IF_ERROR(MoveSeries(ev, std::move(value), result));
      sort_us = sorting.ElapsedUs();
    }
  }
  result.warnings = ev.warnings();
  result.infos = ev.infos();
  result.stats = ev.stats();
  result.stats.sort_us = sort_us;
  return result;
}

}  // namespace

absl::StatusOr<EvalResult> Evaluate(const EvalRequest& request) {
  if (request.expr == nullptr || request.source == nullptr) {
    return base::Internal("a query without expression or source");
  }
  ASSIGN_OR_RETURN(const StepRange steps, StepsOf(request));
  const promql::Expr& expr = Unwrap(*request.expr);
  const bool range = request.step_ms != 0;
  if (range &&
      (expr.type == ValueType::kString || expr.type == ValueType::kMatrix)) {
    return base::InvalidArgument(
        "invalid expression type \"", promql::TypeText(expr.type),
        "\" for range query, must be Scalar or instant Vector");
  }
  Evaluation ev(request, steps.count);
  absl::StatusOr<EvalResult> result = EvaluateTree(ev, expr, steps);
  if (request.stats != nullptr) *request.stats = ev.stats();
  return result;
}

}  // namespace varve::eval
