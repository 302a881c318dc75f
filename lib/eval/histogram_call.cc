// Functions of histograms: histogram_quantile, histogram_quantiles and
// histogram_fraction over native histograms and classic buckets, the others
// over native ones only.
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/eval/call_parts.h"
#include "lib/eval/classic_histogram.h"
#include "lib/eval/families.h"
#include "lib/eval/histogram_series.h"
#include "lib/eval/notes.h"
#include "lib/eval/text.h"
#include "lib/eval/vmrange.h"
#include "lib/histogram/estimate.h"

namespace varve::eval {
namespace {

using histogram::FloatHistogram;

// The argument's series; buckets of vmrange as those of le.
absl::StatusOr<Value> HistogramInput(Evaluation& ev, const promql::Expr& arg,
                                     const StepRange& steps) {
  ASSIGN_OR_RETURN(Value input, ev.Eval(arg, steps));
  VmrangeToLe(input.series);
  return input;
}

// A function's series as its value. Classic and native histograms of the same
// labels at different steps are one series.
absl::StatusOr<Value> ValueOf(Evaluation& ev, std::vector<EvalSeries> series) {
  Value value;
  value.series = std::move(series);
  RETURN_IF_ERROR(MergeSameLabels(value.series));
  SortByLabels(value.series);
  RETURN_IF_ERROR(ev.Charge(value.charge, value.series));
  return value;
}

void TellNanEffect(Evaluation& ev, histogram::NanEffect effect,
                   const model::LabelSet& labels, promql::Position position) {
  if (effect == histogram::NanEffect::kNone) return;
  ev.Info(base::StrCat("input to histogram_quantile has NaN observations, "
                       "result is ",
                       effect == histogram::NanEffect::kResultIsNan
                           ? "NaN"
                           : "skewed higher",
                       ForMetric(labels.Get(model::kMetricName))),
          position);
}

void TellForcedMonotonic(Evaluation& ev, const model::LabelSet& labels,
                         promql::Position position) {
  const bool named = ev.request().delayed_name_removal;
  ev.Info(base::StrCat(
              "input to histogram_quantile needed to be fixed for monotonicity "
              "(see https://prometheus.io/docs/prometheus/latest/querying/"
              "functions/#histogram_quantile)",
              ForMetric(named ? labels.Get(model::kMetricName) : "")),
          position);
}

// To be told once all arguments are evaluated: of notes with the same words the
// last one's place is kept, which is the outermost's.
void WarnOfQuantileArgument(Evaluation& ev, const promql::Call& call,
                            size_t index, const std::vector<double>& phi) {
  const promql::Position position = ArgumentPosition(ev, call, index);
  for (double p : phi) {
    if (!(p >= 0 && p <= 1)) WarnOfQuantile(ev, p, position);
  }
}

std::vector<EvalSeries> Quantiles(Evaluation& ev,
                                  const HistogramVector& histograms,
                                  const std::vector<double>& phi,
                                  promql::Position native_position,
                                  promql::Position classic_position) {
  HistogramFunction function;
  function.classic = [&](std::vector<Bucket>& buckets,
                         const model::LabelSet& labels, size_t step) {
    const QuantileResult result = BucketQuantile(phi[step], buckets);
    if (result.forced_monotonic) {
      TellForcedMonotonic(ev, labels, classic_position);
    }
    return result.value;
  };
  function.native = [&](const FloatHistogram& h, const model::LabelSet& labels,
                        size_t step) {
    const histogram::QuantileEstimate estimate =
        histogram::Quantile(h, phi[step]);
    TellNanEffect(ev, estimate.nan_effect, labels, native_position);
    return estimate.value;
  };
  return MapHistograms(ev, histograms, phi.size(), function);
}

absl::StatusOr<Value> QuantileCall(Evaluation& ev, const promql::Call& call,
                                   const StepRange& steps) {
  ASSIGN_OR_RETURN(const std::vector<double> phi,
                   ev.EvalScalar(*call.args[0], steps));
  ASSIGN_OR_RETURN(const Value input, HistogramInput(ev, *call.args[1], steps));
  WarnOfQuantileArgument(ev, call, 0, phi);
  const promql::Position position = ArgumentPosition(ev, call, 1);
  const HistogramVector histograms = FindHistograms(ev, input.series, position);
  return ValueOf(ev, Quantiles(ev, histograms, phi,
                               ArgumentPosition(ev, call, 0), position));
}

// As OpenMetrics writes the values of a quantile label.
std::string QuantileText(double phi) {
  std::string text = GeneralNumber(phi);
  if (text.find_first_of(".eNI") == std::string::npos) text += ".0";
  return text;
}

// MetricsQL's histogram_quantiles("label", phi ..., v): each quantile is a
// series, named after its value at the first step.
absl::StatusOr<Value> MetricsqlQuantilesCall(Evaluation& ev,
                                             const promql::Call& call,
                                             const StepRange& steps) {
  ASSIGN_OR_RETURN(const std::string label, TextArgument(ev, call, 0));
  const size_t last = call.args.size() - 1;
  ASSIGN_OR_RETURN(const Value input,
                   HistogramInput(ev, *call.args[last], steps));
  const promql::Position position = ArgumentPosition(ev, call, last);
  const HistogramVector histograms = FindHistograms(ev, input.series, position);
  std::vector<EvalSeries> all;
  for (size_t i = 1; i < last; ++i) {
    ASSIGN_OR_RETURN(const std::vector<double> phi,
                     ev.EvalScalar(*call.args[i], steps));
    WarnOfQuantileArgument(ev, call, i, phi);
    for (EvalSeries& series :
         Quantiles(ev, histograms, phi, position, position)) {
      SetLabel(series, label, GeneralNumber(phi[0]));
      all.push_back(std::move(series));
    }
  }
  return ValueOf(ev, std::move(all));
}

// histogram_quantiles(v, "label", phi ...): each quantile is a series.
absl::StatusOr<Value> QuantilesCall(Evaluation& ev, const promql::Call& call,
                                    const StepRange& steps) {
  if (call.args[0]->type == promql::ValueType::kString) {
    return MetricsqlQuantilesCall(ev, call, steps);
  }
  ASSIGN_OR_RETURN(const Value label, ev.Eval(*call.args[1], StepRange{}));
  if (!IsLabelName(label.text)) {
    return base::InvalidArgument(
        "invalid label name in histogram_quantiles(): ", Quoted(label.text));
  }
  ASSIGN_OR_RETURN(const Value input, HistogramInput(ev, *call.args[0], steps));
  const promql::Position position = ArgumentPosition(ev, call, 0);
  const HistogramVector histograms = FindHistograms(ev, input.series, position);
  std::vector<EvalSeries> all;
  for (size_t i = 2; i < call.args.size(); ++i) {
    ASSIGN_OR_RETURN(const std::vector<double> phi,
                     ev.EvalScalar(*call.args[i], steps));
    WarnOfQuantileArgument(ev, call, i, phi);
    for (EvalSeries& series :
         Quantiles(ev, histograms, phi, position, position)) {
      // A quantile that changes from step to step has a series for each value.
      for (size_t step = 0; step < steps.count; ++step) {
        if (IsAbsent(series.values[step])) continue;
        const double value = phi[step];
        EvalSeries one;
        one.labels = series.labels;
        one.labels.Set(label.text, QuantileText(value));
        one.drop_name = series.drop_name;
        one.values.assign(steps.count, Absent());
        for (size_t same = step; same < steps.count; ++same) {
          if (!model::SameBits(phi[same], value)) continue;
          std::swap(one.values[same], series.values[same]);
        }
        all.push_back(std::move(one));
      }
    }
  }
  return ValueOf(ev, std::move(all));
}

absl::StatusOr<Value> FractionCall(Evaluation& ev, const promql::Call& call,
                                   const StepRange& steps) {
  ASSIGN_OR_RETURN(const std::vector<double> lower,
                   ev.EvalScalar(*call.args[0], steps));
  ASSIGN_OR_RETURN(const std::vector<double> upper,
                   ev.EvalScalar(*call.args[1], steps));
  ASSIGN_OR_RETURN(const Value input, HistogramInput(ev, *call.args[2], steps));
  const HistogramVector histograms =
      FindHistograms(ev, input.series, ArgumentPosition(ev, call, 2));
  HistogramFunction function;
  function.classic = [&](std::vector<Bucket>& buckets, const model::LabelSet&,
                         size_t step) {
    return BucketFraction(lower[step], upper[step], buckets);
  };
  function.native = [&](const FloatHistogram& h, const model::LabelSet& labels,
                        size_t step) {
    const histogram::FractionEstimate estimate =
        histogram::Fraction(h, lower[step], upper[step]);
    if (estimate.nan_observations) {
      ev.Info(base::StrCat("input to histogram_fraction has NaN observations, "
                           "which are excluded from all fractions",
                           ForMetric(labels.Get(model::kMetricName))),
              ArgumentPosition(ev, call, 0));
    }
    return estimate.value;
  };
  return ValueOf(ev, MapHistograms(ev, histograms, steps.count, function));
}

using Property = double (*)(const FloatHistogram& h);

constexpr std::array<std::pair<std::string_view, Property>, 5> kProperties = {{
    {"histogram_count", [](const FloatHistogram& h) { return h.count; }},
    {"histogram_sum", [](const FloatHistogram& h) { return h.sum; }},
    {"histogram_avg", histogram::Average},
    {"histogram_stddev", histogram::StdDev},
    {"histogram_stdvar", histogram::StdVar},
}};

Property FindProperty(std::string_view name) {
  for (const auto& [known, property] : kProperties) {
    if (known == name) return property;
  }
  return nullptr;
}

// One number of each native histogram; floats are left out.
absl::StatusOr<Value> PropertyCall(Evaluation& ev, const promql::Call& call,
                                   const StepRange& steps) {
  const Property property = FindProperty(call.function);
  ASSIGN_OR_RETURN(Value value, ev.Eval(*call.args[0], steps));
  for (EvalSeries& series : value.series) {
    for (size_t i = 0; i < series.values.size(); ++i) {
      series.values[i] =
          series.HasHistogram(i) ? property(*series.histograms[i]) : Absent();
    }
    series.DropHistograms();
    ev.DropName(series);
  }
  RemoveEmpty(value.series);
  RETURN_IF_ERROR(ev.AfterDrop(value.series));
  return value;
}

}  // namespace

CallFamily FindHistogramCall(std::string_view name) {
  if (name == "histogram_quantile") return QuantileCall;
  if (name == "histogram_quantiles") return QuantilesCall;
  if (name == "histogram_fraction") return FractionCall;
  return FindProperty(name) != nullptr ? PropertyCall : nullptr;
}

}  // namespace varve::eval
