// histogram_quantile and histogram_fraction over classic buckets. The
// functions of native histograms find none yet and give nothing.
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "lib/base/status.h"
#include "lib/eval/classic_histogram.h"
#include "lib/eval/families.h"
#include "lib/eval/notes.h"
#include "lib/eval/text.h"
#include "lib/eval/vmrange.h"

namespace varve::eval {
namespace {

constexpr char kBucketLabel[] = "le";

// The bucket series of one histogram.
struct Histogram {
  model::LabelSet labels;  // without le
  bool drop_name = false;
  std::vector<std::pair<double, const EvalSeries*>> buckets;
};

std::optional<double> BoundOf(std::string_view text) {
  double bound = 0;
  if (!absl::SimpleAtod(base::ToAbsl(text), &bound)) return std::nullopt;
  return bound;
}

void WarnOfBadBound(Evaluation& ev, const model::LabelSet& labels,
                    promql::Position position) {
  ev.Warn(base::StrCat(
              "bucket label \"le\" is missing or has a malformed value of ",
              Quoted(labels.Get(kBucketLabel)),
              ForMetric(labels.Get(model::kMetricName))),
          position);
}

// Two metrics stay apart here, even if their names are dropped later.
std::vector<Histogram> Collect(Evaluation& ev,
                               const std::vector<EvalSeries>& input,
                               promql::Position position) {
  std::vector<Histogram> histograms;
  absl::flat_hash_map<model::LabelSet, size_t> index;
  for (const EvalSeries& series : input) {
    const std::optional<double> bound =
        BoundOf(series.labels.Get(kBucketLabel));
    if (!bound) {
      WarnOfBadBound(ev, series.labels, position);
      continue;
    }
    model::LabelSet labels = series.labels;
    labels.Remove(kBucketLabel);
    const auto [it, is_new] =
        index.try_emplace(std::move(labels), histograms.size());
    if (is_new) histograms.push_back({it->first, series.drop_name, {}});
    histograms[it->second].buckets.emplace_back(*bound, &series);
  }
  return histograms;
}

// One column per histogram by `compute(buckets, step)`.
template <typename Compute>
absl::StatusOr<Value> MapHistograms(Evaluation& ev, const promql::Expr& arg,
                                    const StepRange& steps, Compute compute) {
  ASSIGN_OR_RETURN(Value input, ev.Eval(arg, steps));
  VmrangeToLe(input.series);
  Value value;
  std::vector<Bucket> buckets;
  for (Histogram& histogram : Collect(ev, input.series, arg.position)) {
    EvalSeries out{std::move(histogram.labels), histogram.drop_name,
                   std::vector<double>(steps.count, Absent())};
    for (size_t step = 0; step < steps.count; ++step) {
      buckets.clear();
      for (const auto& [bound, series] : histogram.buckets) {
        if (IsAbsent(series->values[step])) continue;
        buckets.push_back({bound, series->values[step]});
      }
      if (!buckets.empty()) out.values[step] = compute(buckets, step);
    }
    ev.DropName(out);
    value.series.push_back(std::move(out));
  }
  RemoveEmpty(value.series);
  RETURN_IF_ERROR(ev.AfterDrop(value.series));
  SortByLabels(value.series);
  RETURN_IF_ERROR(ev.Charge(value.charge, value.series.size(), steps.count));
  return value;
}

absl::StatusOr<Value> QuantileCall(Evaluation& ev, const promql::Call& call,
                                   const StepRange& steps) {
  ASSIGN_OR_RETURN(const std::vector<double> phi,
                   ev.EvalScalar(*call.args[0], steps));
  for (double p : phi) {
    if (!(p >= 0 && p <= 1)) WarnOfQuantile(ev, p, call.args[0]->position);
  }
  bool forced = false;
  ASSIGN_OR_RETURN(
      Value value,
      MapHistograms(ev, *call.args[1], steps,
                    [&](std::vector<Bucket>& buckets, size_t step) {
                      const QuantileResult result =
                          BucketQuantile(phi[step], buckets);
                      forced = forced || result.forced_monotonic;
                      return result.value;
                    }));
  if (forced) {
    ev.Info(
        "input to histogram_quantile needed to be fixed for monotonicity (see "
        "https://prometheus.io/docs/prometheus/latest/querying/functions/"
        "#histogram_quantile)",
        call.args[1]->position);
  }
  return value;
}

absl::StatusOr<Value> FractionCall(Evaluation& ev, const promql::Call& call,
                                   const StepRange& steps) {
  ASSIGN_OR_RETURN(const std::vector<double> lower,
                   ev.EvalScalar(*call.args[0], steps));
  ASSIGN_OR_RETURN(const std::vector<double> upper,
                   ev.EvalScalar(*call.args[1], steps));
  return MapHistograms(
      ev, *call.args[2], steps, [&](std::vector<Bucket>& buckets, size_t step) {
        return BucketFraction(lower[step], upper[step], buckets);
      });
}

// histogram_count and its kin see native histograms only.
absl::StatusOr<Value> NativeCall(Evaluation& ev, const promql::Call& call,
                                 const StepRange& steps) {
  RETURN_IF_ERROR(ev.Eval(*call.args.back(), steps).status());
  return Value{};
}

}  // namespace

CallFamily FindHistogramCall(std::string_view name) {
  if (name == "histogram_quantile") return QuantileCall;
  if (name == "histogram_fraction") return FractionCall;
  constexpr std::array<std::string_view, 5> kNative = {
      "histogram_count", "histogram_sum", "histogram_avg", "histogram_stddev",
      "histogram_stdvar"};
  for (std::string_view native : kNative) {
    if (name == native) return NativeCall;
  }
  return nullptr;
}

}  // namespace varve::eval
