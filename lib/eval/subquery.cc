#include "lib/eval/subquery.h"

#include <memory>
#include <utility>

#include "lib/base/status.h"
#include "lib/eval/notes.h"
#include "lib/eval/timing.h"
#include "lib/rollup/counter_name.h"
#include "lib/rollup/step_blocks.h"

namespace varve::eval {
namespace {

// The largest multiple of `step` at or below `value`.
int64_t AlignDown(int64_t value, int64_t step) {
  const int64_t rest = value % step;
  return value - (rest < 0 ? rest + step : rest);
}

// As written; without one MetricsQL takes the query's step.
absl::StatusOr<int64_t> StepMs(const EvalRequest& request,
                               const promql::SubqueryExpr& expr) {
  if (expr.step.ms != 0 || expr.step.expr != nullptr) {
    return PositiveDurationMs(request, expr.step);
  }
  return request.dialect == promql::Dialect::kMetricsql
             ? QueryStepMs(request)
             : request.subquery_step_ms;
}

// Steps show a sample several times or never: what its sender knew of a reset
// before it does not hold between steps.
HistogramPtr WithoutResetHint(const HistogramPtr& histogram) {
  if (histogram->reset == model::CounterReset::kUnknown ||
      histogram->reset == model::CounterReset::kGauge) {
    return histogram;
  }
  auto copy = std::make_shared<histogram::FloatHistogram>(*histogram);
  copy->reset = model::CounterReset::kUnknown;
  return copy;
}

// What a series' floats are told for.
void TellOfFloats(Evaluation& ev, rollup::Function function,
                  const model::LabelSet& labels,
                  const rollup::Arguments& arguments,
                  const std::vector<double>& results,
                  promql::Position position, std::vector<bool>& told) {
  if (rollup::WantsCounter(function) && !AllAbsent(results)) {
    const std::string_view name = labels.Get(model::kMetricName);
    if (!name.empty() && !rollup::LooksLikeCounter(name)) {
      TellNotCounter(ev, name, position);
    }
  }
  if (function == rollup::Function::kQuantile) {
    WarnOfQuantiles(ev, arguments.first, results, position, told);
  }
}

}  // namespace

absl::StatusOr<SubqueryResult> EvalSubquery(Evaluation& ev,
                                            const promql::SubqueryExpr& expr,
                                            rollup::Function function,
                                            const StepRange& steps) {
  const EvalRequest& request = ev.request();
  int64_t range_ms = QueryStepMs(request);
  int64_t step_ms = range_ms;
  if (!expr.implicit) {
    ASSIGN_OR_RETURN(range_ms, PositiveDurationMs(request, expr.range));
    ASSIGN_OR_RETURN(step_ms, StepMs(request, expr));
  }
  SubqueryResult result;
  ASSIGN_OR_RETURN(result.windows, WindowsOf(ev, expr.time, range_ms, steps));
  result.windows.fits_interval = expr.implicit;
  const int64_t begin_ms = result.windows.first_end_ms - range_ms -
                           rollup::BeforeMs(function, result.windows);
  const int64_t end_ms = result.windows.End(result.windows.count - 1);
  result.steps.start_ms = AlignDown(begin_ms, step_ms) + step_ms;
  result.steps.step_ms = step_ms;
  result.steps.count = 0;
  if (result.steps.start_ms > end_ms) return result;
  const int64_t count = (end_ms - result.steps.start_ms) / step_ms + 1;
  const int64_t count_max = request.limits.subquery_points_max;
  if (count_max > 0 && count > count_max) {
    return base::ResourceExhausted(
        "the subquery has ", count, " points per series, more than ", count_max,
        "; raise its step or -search.maxPointsSubqueryPerTimeseries");
  }
  result.steps.count = static_cast<size_t>(count);
  SampleCounter::Part part(ev.counter(), result.steps.count);
  ASSIGN_OR_RETURN(result.value, ev.Eval(*expr.expr, result.steps));
  result.samples_read = part.End();
  if (result.value.type == promql::ValueType::kScalar) {
    result.value.series.push_back({{}, false, std::move(result.value.scalar)});
  }
  return result;
}

void SamplesOf(const SubqueryResult& result, const EvalSeries& series,
               SeriesData& data) {
  data.samples.clear();
  data.histograms.clear();
  for (size_t i = 0; i < series.values.size(); ++i) {
    if (IsAbsent(series.values[i])) continue;
    data.samples.push_back(result.steps.At(i), series.values[i]);
  }
  HistogramPtr last;
  HistogramPtr last_shown;
  for (size_t i = 0; i < series.histograms.size(); ++i) {
    const HistogramPtr& histogram = series.histograms[i];
    if (histogram == nullptr) continue;
    if (histogram != last) {
      last = histogram;
      last_shown = WithoutResetHint(histogram);
    }
    data.histograms.push_back(result.steps.At(i), last_shown);
  }
}

void CountWindows(Evaluation& ev, rollup::Function function,
                  const rollup::Windows& windows, const SeriesData& data,
                  const ColumnView& column) {
  if (ev.counter() == nullptr) return;
  LaneSamples counted{std::vector<int64_t>(windows.count)};
  CountSeries(function, windows, data, column, counted);
  ev.counter()->Add(counted, function);
}

absl::StatusOr<EvalSeries> RollupSamples(
    Evaluation& ev, rollup::Function function, const SubqueryResult& result,
    const EvalSeries& series, const rollup::Arguments& arguments,
    promql::Position position, RollupScratch& scratch) {
  const auto check_alive = [&ev] { return ev.CheckAlive(); };
  SeriesData& data = scratch.data;
  SamplesOf(result, series, data);
  rollup::DropGaps(function, data.samples);
  const rollup::Series floats{data.samples.timestamps_ms, data.samples.values};
  EvalSeries out;
  out.values.resize(result.windows.count);
  if (data.histograms.empty()) {
    RETURN_IF_ERROR(rollup::ComputeInBlocks(function, floats, result.windows,
                                            arguments, out.values,
                                            check_alive));
    TellOfFloats(ev, function, series.labels, arguments, out.values, position,
                 scratch.told);
    CountWindows(ev, function, result.windows, data,
                 {out.values, out.histograms});
    return out;
  }
  out.histograms.resize(result.windows.count);
  rollup::Notes notes;
  RETURN_IF_ERROR(rollup::ComputeInBlocks(
      function,
      {floats, {data.histograms.timestamps_ms, data.histograms.histograms}},
      result.windows, arguments, {out.values, out.histograms}, notes,
      check_alive));
  if (AllNull(out.histograms)) out.DropHistograms();
  CountWindows(ev, function, result.windows, data,
               {out.values, out.histograms});
  TellRollupNotes(ev, notes, series.labels, position);
  TellOfFloats(ev, function, series.labels, arguments, out.values, position,
               scratch.told);
  return out;
}

}  // namespace varve::eval
