// quantile and count_values: aggregations that need all values of a step.
#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/status.h"
#include "lib/eval/families.h"
#include "lib/eval/grouping.h"
#include "lib/eval/notes.h"
#include "lib/eval/text.h"
#include "lib/histogram/text.h"
#include "lib/rollup/quantile.h"

namespace varve::eval {
namespace {

struct Members {
  model::LabelSet labels;
  bool drop_name = false;
  std::vector<const EvalSeries*> series;
};

std::vector<Members> GroupSeries(const Grouping& grouping,
                                 const std::vector<EvalSeries>& series) {
  std::vector<Members> groups;
  absl::flat_hash_map<std::string, size_t> index;
  std::string key;
  for (const EvalSeries& s : series) {
    grouping.Key(s.labels, false, key);
    const auto [it, is_new] = index.try_emplace(key, groups.size());
    if (is_new) {
      groups.push_back({grouping.Labels(s.labels, false), s.drop_name, {}});
    }
    groups[it->second].series.push_back(&s);
  }
  return groups;
}

// Of series without any float nothing is left. True if there were some.
bool DropAllHistograms(Value& value) {
  bool any = false;
  for (EvalSeries& series : value.series) {
    any = any || !AllNull(series.histograms);
    series.DropHistograms();
  }
  if (any) RemoveEmpty(value.series);
  return any;
}

std::vector<double> QuantileColumn(const Members& group,
                                   const std::vector<double>& phi) {
  std::vector<double> column(phi.size(), Absent());
  std::vector<double> values;
  for (size_t step = 0; step < phi.size(); ++step) {
    values.clear();
    for (const EvalSeries* series : group.series) {
      if (!IsAbsent(series->values[step])) {
        values.push_back(series->values[step]);
      }
    }
    if (!values.empty()) column[step] = rollup::Quantile(phi[step], values);
  }
  return column;
}

// One label set's number of series with a value, over the steps.
class ValueCounts {
 public:
  ValueCounts(const Grouping& grouping, const std::string& label, size_t steps)
      : grouping_(grouping), label_(label), steps_(steps) {}

  void Add(const EvalSeries& series) {
    AddFloats(series);
    const histogram::FloatHistogram* last = nullptr;
    size_t index = 0;
    for (size_t step = 0; step < series.histograms.size(); ++step) {
      const HistogramPtr& histogram = series.histograms[step];
      if (histogram == nullptr) continue;
      if (histogram.get() != last) {
        index = Find(series, histogram::Text(*histogram));
        last = histogram.get();
      }
      CountAt(index, step);
    }
  }

  std::vector<EvalSeries> Finish() { return std::move(out_); }

 private:
  void AddFloats(const EvalSeries& series) {
    absl::flat_hash_map<uint64_t, size_t> by_bits;
    for (size_t step = 0; step < steps_; ++step) {
      const double value = series.values[step];
      if (IsAbsent(value)) continue;
      const auto [it, is_new] =
          by_bits.try_emplace(std::bit_cast<uint64_t>(value), 0);
      if (is_new) it->second = Find(series, FixedNumber(value));
      CountAt(it->second, step);
    }
  }

  void CountAt(size_t index, size_t step) {
    double& count = out_[index].values[step];
    count = IsAbsent(count) ? 1 : count + 1;
  }

  size_t Find(const EvalSeries& series, const std::string& text) {
    model::LabelSet labels = series.labels;
    labels.Set(label_, text);
    std::string key;
    grouping_.Key(labels, false, key);
    const auto [it, is_new] = index_.try_emplace(std::move(key), out_.size());
    if (is_new) {
      out_.push_back({grouping_.Labels(labels, false), series.drop_name,
                      std::vector<double>(steps_, Absent())});
    }
    return it->second;
  }

  const Grouping& grouping_;
  const std::string& label_;
  const size_t steps_;
  absl::flat_hash_map<std::string, size_t> index_;
  std::vector<EvalSeries> out_;
};

// Of all steps' quantiles Prometheus tells the extremes, or that one is NaN.
void WarnOfExtremes(Evaluation& ev, const std::vector<double>& phi,
                    promql::Position position) {
  const bool has_nan = std::any_of(phi.begin(), phi.end(),
                                   [](double p) { return std::isnan(p); });
  if (has_nan) return WarnOfQuantile(ev, model::NormalNan(), position);
  const auto [least, most] = std::minmax_element(phi.begin(), phi.end());
  if (*most > 1) WarnOfQuantile(ev, *most, position);
  if (*least < 0) WarnOfQuantile(ev, *least, position);
}

}  // namespace

absl::StatusOr<Value> EvalQuantile(Evaluation& ev,
                                   const promql::AggregateExpr& expr,
                                   const StepRange& steps) {
  ASSIGN_OR_RETURN(const std::vector<double> phi,
                   ev.EvalScalar(*expr.param, steps));
  ASSIGN_OR_RETURN(Value input, ev.Eval(*expr.expr, steps));
  WarnOfExtremes(ev, phi, Unwrap(*expr.param).position);
  if (DropAllHistograms(input)) {
    TellHistogramIgnored(ev, "quantile", expr.expr->position);
  }
  const Grouping grouping(expr);
  Value value;
  for (Members& group : GroupSeries(grouping, input.series)) {
    value.series.push_back(
        {std::move(group.labels), group.drop_name, QuantileColumn(group, phi)});
  }
  SortByLabels(value.series);
  RETURN_IF_ERROR(ev.Charge(value.charge, value.series.size(), steps.count));
  return value;
}

absl::StatusOr<Value> EvalCountValues(Evaluation& ev,
                                      const promql::AggregateExpr& expr,
                                      const StepRange& steps) {
  ASSIGN_OR_RETURN(const Value label, ev.Eval(*expr.param, steps));
  if (!IsLabelName(label.text)) {
    return base::InvalidArgument("invalid label name ", Quoted(label.text));
  }
  ASSIGN_OR_RETURN(const Value input, ev.Eval(*expr.expr, steps));
  const Grouping grouping(expr, label.text);
  ValueCounts counts(grouping, label.text, steps.count);
  for (const EvalSeries& series : input.series) counts.Add(series);
  Value value;
  value.series = counts.Finish();
  SortByLabels(value.series);
  RETURN_IF_ERROR(ev.Charge(value.charge, value.series.size(), steps.count));
  return value;
}

}  // namespace varve::eval
