// MetricsQL's aggregations that give series of their input, with their own
// labels: any, share, zscore, outliers_iqr, outliers_mad, outliersk, topk_*
// and bottomk_*.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/eval/call_parts.h"
#include "lib/eval/column_transforms.h"
#include "lib/eval/families.h"
#include "lib/eval/group_series.h"
#include "lib/rollup/quantile.h"

namespace varve::eval {
namespace {

using promql::AggregateOp;

std::vector<double> ValuesAt(const SeriesGroup& group, size_t step) {
  std::vector<double> values;
  for (const EvalSeries* series : group.series) {
    const double value = series->values[step];
    if (!std::isnan(value)) values.push_back(value);
  }
  return values;
}

void Share(SeriesGroup& group, size_t step) {
  double sum = 0;
  for (double value : ValuesAt(group, step)) sum += std::max(value, 0.0);
  for (EvalSeries* series : group.series) {
    double& value = series->values[step];
    value = value >= 0 && sum > 0 ? value / sum : Absent();
  }
}

void Zscore(SeriesGroup& group, size_t step) {
  double mean = 0, squares = 0, count = 0;
  for (double value : ValuesAt(group, step)) {
    ++count;
    const double delta = value - mean;
    mean += delta / count;
    squares += delta * (value - mean);
  }
  const double deviation = std::sqrt(squares / count);
  for (EvalSeries* series : group.series) {
    double& value = series->values[step];
    value = (value - mean) / deviation;
    if (std::isnan(value)) value = Absent();
  }
}

// What lies outside is an outlier; NaN bounds have none.
struct Bounds {
  double low;
  double high;
};

Bounds IqrBounds(std::vector<double> values) {
  const double q25 = rollup::Quantile(0.25, values);
  const double q75 = rollup::Quantile(0.75, values);
  const double fence = 1.5 * (q75 - q25);
  return {q25 - fence, q75 + fence};
}

Bounds MadBounds(std::vector<double> values, double tolerance) {
  const double median = rollup::Quantile(0.5, values);
  for (double& value : values) value = std::fabs(value - median);
  const double most = rollup::Quantile(0.5, values) * tolerance;
  return {median - most, median + most};
}

// Leaves the series with a point outside of its step's bounds.
template <typename BoundsOf>
void KeepOutliers(SeriesGroup& group, size_t steps, BoundsOf bounds_of) {
  std::vector<Bounds> bounds;
  for (size_t step = 0; step < steps; ++step) {
    bounds.push_back(bounds_of(ValuesAt(group, step), step));
  }
  std::erase_if(group.series, [&](const EvalSeries* series) {
    for (size_t step = 0; step < steps; ++step) {
      const double value = series->values[step];
      if (value < bounds[step].low || value > bounds[step].high) return false;
    }
    return true;
  });
}

// The name of the range_* function that ranks the series.
std::string_view RankOf(AggregateOp op) {
  switch (op) {
    case AggregateOp::kTopkMin:
    case AggregateOp::kBottomkMin:
      return "range_min";
    case AggregateOp::kTopkMax:
    case AggregateOp::kBottomkMax:
      return "range_max";
    case AggregateOp::kTopkAvg:
    case AggregateOp::kBottomkAvg:
      return "range_avg";
    case AggregateOp::kTopkMedian:
    case AggregateOp::kBottomkMedian:
      return "range_median";
    default:
      return "range_last";
  }
}

bool IsBottom(AggregateOp op) {
  return op == AggregateOp::kBottomkMin || op == AggregateOp::kBottomkMax ||
         op == AggregateOp::kBottomkAvg || op == AggregateOp::kBottomkMedian ||
         op == AggregateOp::kBottomkLast;
}

// How far each series is from the group's medians, squared and summed.
std::vector<double> Distances(const SeriesGroup& group, size_t steps) {
  std::vector<double> sums(group.series.size(), 0);
  for (size_t step = 0; step < steps; ++step) {
    std::vector<double> values = ValuesAt(group, step);
    const double median = rollup::Quantile(0.5, values);
    for (size_t i = 0; i < sums.size(); ++i) {
      const double distance = group.series[i]->values[step] - median;
      if (!std::isnan(distance)) sums[i] += distance * distance;
    }
  }
  return sums;
}

// A number per series: the larger, the more it is wanted.
std::vector<double> Ranks(AggregateOp op, const SeriesGroup& group,
                          size_t steps) {
  if (op == AggregateOp::kOutliersk) return Distances(group, steps);
  std::vector<double> ranks;
  const ColumnTransform summary = FindColumnTransform(RankOf(op))->transform;
  for (const EvalSeries* series : group.series) {
    std::vector<double> column = series->values;
    summary(column, {});
    ranks.push_back(IsBottom(op) ? -column[0] : column[0]);
  }
  return ranks;
}

// Puts the series in order of their ranks, the best first; NaN comes last.
void SortByRank(AggregateOp op, SeriesGroup& group, size_t steps) {
  const std::vector<double> ranks = Ranks(op, group, steps);
  std::vector<size_t> order(ranks.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&ranks](size_t a, size_t b) {
    if (std::isnan(ranks[a])) return false;
    return std::isnan(ranks[b]) || ranks[a] > ranks[b];
  });
  std::vector<EvalSeries*> sorted;
  for (size_t i : order) sorted.push_back(group.series[i]);
  group.series = std::move(sorted);
}

// Clears all but the first k series of each step and gives their sums.
std::vector<double> CutToCounts(SeriesGroup& group,
                                const std::vector<double>& counts) {
  std::vector<double> rest(counts.size(), Absent());
  for (size_t step = 0; step < counts.size(); ++step) {
    for (size_t i = 0; i < group.series.size(); ++i) {
      if (static_cast<double>(i) < std::trunc(counts[step])) continue;
      double& value = group.series[i]->values[step];
      if (!std::isnan(value)) {
        rest[step] = IsAbsent(rest[step]) ? value : rest[step] + value;
      }
      value = Absent();
    }
  }
  return rest;
}

// The series that topk_max(3, q, "job=other") has the remaining sums in.
EvalSeries RestSeries(const SeriesGroup& group, const std::string& text,
                      std::vector<double> sums) {
  EvalSeries rest;
  rest.labels = group.labels;
  rest.drop_name = group.drop_name;
  rest.values = std::move(sums);
  const size_t equals = text.find('=');
  if (equals == std::string::npos) {
    SetLabel(rest, text, text);
  } else {
    SetLabel(rest, text.substr(0, equals), text.substr(equals + 1));
  }
  return rest;
}

// The scalar and the string of the call, as far as it has them.
struct Parameters {
  std::vector<double> scalar;
  std::string rest_label;
};
absl::StatusOr<Parameters> ParametersOf(Evaluation& ev,
                                        const promql::AggregateExpr& expr,
                                        const StepRange& steps) {
  Parameters parameters;
  if (expr.param != nullptr) {
    ASSIGN_OR_RETURN(parameters.scalar, ev.EvalScalar(*expr.param, steps));
  }
  if (!expr.more_params.empty()) {
    ASSIGN_OR_RETURN(Value text,
                     ev.Eval(*expr.more_params.back(), StepRange{}));
    parameters.rest_label = std::move(text.text);
  }
  return parameters;
}

void Apply(AggregateOp op, const Parameters& parameters, size_t steps,
           SeriesGroup& group, std::vector<EvalSeries>& rest) {
  switch (op) {
    case AggregateOp::kAny:
      group.series.resize(1);
      return;
    case AggregateOp::kShare:
      for (size_t step = 0; step < steps; ++step) Share(group, step);
      return;
    case AggregateOp::kZscore:
      for (size_t step = 0; step < steps; ++step) Zscore(group, step);
      return;
    case AggregateOp::kOutliersIqr:
      return KeepOutliers(group, steps, [](std::vector<double> values, size_t) {
        return IqrBounds(std::move(values));
      });
    case AggregateOp::kOutliersMad:
      return KeepOutliers(
          group, steps, [&](std::vector<double> values, size_t step) {
            return MadBounds(std::move(values), parameters.scalar[step]);
          });
    default:
      SortByRank(op, group, steps);
      std::vector<double> sums = CutToCounts(group, parameters.scalar);
      if (parameters.rest_label.empty()) return;
      rest.push_back(RestSeries(group, parameters.rest_label, std::move(sums)));
  }
}

}  // namespace

absl::StatusOr<Value> EvalGroupSeries(Evaluation& ev,
                                      const promql::AggregateExpr& expr,
                                      const StepRange& steps) {
  ASSIGN_OR_RETURN(const Parameters parameters, ParametersOf(ev, expr, steps));
  ASSIGN_OR_RETURN(Value input, EvalAggregateInput(ev, expr, steps));
  if (expr.op != AggregateOp::kAny) {
    for (EvalSeries& series : input.series) series.DropHistograms();
  }
  Value value;
  for (SeriesGroup& group : GroupSeries(expr, input.series)) {
    RETURN_IF_ERROR(ev.CheckAlive());
    std::vector<EvalSeries> rest;
    Apply(expr.op, parameters, steps.count, group, rest);
    for (EvalSeries* series : group.series) {
      value.series.push_back(std::move(*series));
    }
    RETURN_IF_ERROR(ev.Charge(value.charge, rest));
    std::move(rest.begin(), rest.end(), std::back_inserter(value.series));
  }
  RETURN_IF_ERROR(ev.Charge(value.charge, value.series));
  RemoveEmpty(value.series);
  value.ordered = expr.op >= AggregateOp::kOutliersk;
  if (!value.ordered || steps.count > 1) SortByLabels(value.series);
  return value;
}

}  // namespace varve::eval
