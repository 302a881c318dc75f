// MetricsQL's aggregations that make a number of each group's numbers at a
// step: median, mode, geomean, sum2, distinct, mad, quantiles, histogram.
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/eval/call_parts.h"
#include "lib/eval/families.h"
#include "lib/eval/group_series.h"
#include "lib/eval/text.h"
#include "lib/eval/vmrange.h"
#include "lib/rollup/kahan.h"
#include "lib/rollup/mode.h"
#include "lib/rollup/quantile.h"

namespace varve::eval {
namespace {

using promql::AggregateOp;

// Takes a step's numbers, of which there are some; may reorder them.
using Reduce = double (*)(std::vector<double>& values);

double Median(std::vector<double>& values) {
  return rollup::Quantile(0.5, values);
}
double Mode(std::vector<double>& values) { return rollup::Mode(values); }
double Geomean(std::vector<double>& values) {
  double product = 1;
  for (double value : values) product *= value;
  return std::pow(product, 1 / static_cast<double>(values.size()));
}
double Sum2(std::vector<double>& values) {
  rollup::KahanSum sum;
  for (double value : values) sum.Add(value * value);
  return sum.Total();
}
double Distinct(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return static_cast<double>(std::unique(values.begin(), values.end()) -
                             values.begin());
}
double Mad(std::vector<double>& values) {
  const double median = Median(values);
  for (double& value : values) value = std::fabs(value - median);
  return Median(values);
}

Reduce ReduceOf(AggregateOp op) {
  switch (op) {
    case AggregateOp::kMedian:
      return Median;
    case AggregateOp::kMode:
      return Mode;
    case AggregateOp::kGeomean:
      return Geomean;
    case AggregateOp::kSum2:
      return Sum2;
    case AggregateOp::kDistinct:
      return Distinct;
    default:
      return Mad;
  }
}

// Calls `use(values, step)` with the numbers of each step that has some.
template <typename Use>
void ForEachStep(const SeriesGroup& group, size_t steps, Use use) {
  std::vector<double> values;
  for (size_t step = 0; step < steps; ++step) {
    values.clear();
    for (const EvalSeries* series : group.series) {
      if (!std::isnan(series->values[step])) {
        values.push_back(series->values[step]);
      }
    }
    if (!values.empty()) use(values, step);
  }
}

EvalSeries Begin(const SeriesGroup& group, size_t steps) {
  EvalSeries series;
  series.labels = group.labels;
  series.drop_name = group.drop_name;
  series.values.assign(steps, Absent());
  return series;
}

void AddReduced(const SeriesGroup& group, Reduce reduce, size_t steps,
                std::vector<EvalSeries>& out) {
  EvalSeries series = Begin(group, steps);
  ForEachStep(group, steps, [&](std::vector<double>& values, size_t step) {
    const double value = reduce(values);
    series.values[step] = std::isnan(value) ? Absent() : value;
  });
  out.push_back(std::move(series));
}

void AddQuantiles(const SeriesGroup& group, const std::string& label,
                  const std::vector<double>& phis, size_t steps,
                  std::vector<EvalSeries>& out) {
  const size_t first = out.size();
  for (double phi : phis) {
    out.push_back(Begin(group, steps));
    SetLabel(out.back(), label, GeneralNumber(phi));
  }
  ForEachStep(group, steps, [&](std::vector<double>& values, size_t step) {
    for (size_t i = 0; i < phis.size(); ++i) {
      out[first + i].values[step] = rollup::Quantile(phis[i], values);
    }
  });
}

// Buckets with le, over the whole query the same ones.
void AddHistogram(const SeriesGroup& group, size_t steps,
                  std::vector<EvalSeries>& out) {
  std::map<size_t, EvalSeries> ranges;
  ForEachStep(group, steps, [&](std::vector<double>& values, size_t step) {
    for (double value : values) {
      const std::optional<size_t> range = VmrangeOf(value);
      if (!range) continue;
      auto it = ranges.find(*range);
      if (it == ranges.end()) {
        it = ranges.emplace(*range, Begin(group, steps)).first;
        SetLabel(it->second, kVmrangeLabel, VmrangeText(*range));
      }
      double& count = it->second.values[step];
      count = IsAbsent(count) ? 1 : count + 1;
    }
  });
  std::vector<EvalSeries> buckets;
  for (auto& [range, series] : ranges) buckets.push_back(std::move(series));
  VmrangeToLe(buckets);
  std::move(buckets.begin(), buckets.end(), std::back_inserter(out));
}

struct QuantileParameters {
  std::string label;
  std::vector<double> phis;
};
absl::StatusOr<QuantileParameters> ParametersOf(
    Evaluation& ev, const promql::AggregateExpr& expr) {
  QuantileParameters parameters;
  ASSIGN_OR_RETURN(Value label, ev.Eval(*expr.param, StepRange{}));
  parameters.label = std::move(label.text);
  for (const promql::ExprPtr& phi_expr : expr.more_params) {
    ASSIGN_OR_RETURN(const std::vector<double> phi,
                     ev.EvalScalar(*phi_expr, StepRange{}));
    parameters.phis.push_back(phi[0]);
  }
  return parameters;
}

}  // namespace

absl::StatusOr<Value> EvalGroupValues(Evaluation& ev,
                                      const promql::AggregateExpr& expr,
                                      const StepRange& steps) {
  QuantileParameters parameters;
  if (expr.op == AggregateOp::kQuantiles) {
    ASSIGN_OR_RETURN(parameters, ParametersOf(ev, expr));
  }
  ASSIGN_OR_RETURN(Value input, EvalAggregateInput(ev, expr, steps));
  Value value;
  for (const SeriesGroup& group : GroupSeries(expr, input.series)) {
    RETURN_IF_ERROR(ev.CheckAlive());
    if (expr.op == AggregateOp::kQuantiles) {
      AddQuantiles(group, parameters.label, parameters.phis, steps.count,
                   value.series);
    } else if (expr.op == AggregateOp::kHistogram) {
      AddHistogram(group, steps.count, value.series);
    } else {
      AddReduced(group, ReduceOf(expr.op), steps.count, value.series);
    }
  }
  RETURN_IF_ERROR(ev.Charge(value.charge, value.series));
  RemoveEmpty(value.series);
  SortByLabels(value.series);
  return value;
}

}  // namespace varve::eval
