#include "lib/eval/notes.h"

#include <bit>
#include <cstdint>
#include <optional>

#include "lib/base/strings.h"
#include "lib/eval/text.h"
#include "lib/promql/printer.h"

namespace varve::eval {

using rollup::Note;

void TellRollupNotes(Evaluation& ev, const rollup::Notes& notes,
                     const model::LabelSet& labels, promql::Position position) {
  if (notes.empty()) return;
  const std::string_view name = labels.Get(model::kMetricName);
  if (notes.Has(Note::kMixedFloatsHistograms)) {
    ev.Warn(base::StrCat("encountered a mix of histograms and floats for "
                         "metric name ",
                         Quoted(name)),
            position);
  }
  if (notes.Has(Note::kMixedExponentialCustom)) {
    WarnOfMixedBuckets(ev, name, position);
  }
  if (notes.Has(Note::kIncompatibleBounds)) {
    WarnOfIncompatibleBounds(ev, name, position);
  }
  if (notes.Has(Note::kNotCounter)) {
    ev.Warn(base::StrCat("this native histogram metric is not a counter: ",
                         Quoted(name)),
            position);
  }
  if (notes.Has(Note::kNotGauge)) {
    ev.Warn(base::StrCat("this native histogram metric is not a gauge: ",
                         Quoted(name)),
            position);
  }
  if (notes.Has(Note::kHistogramsIgnored)) {
    ev.Info(base::StrCat("ignored histograms in a range containing both "
                         "floats and histograms for metric name ",
                         Quoted(name)),
            position);
  }
}

void TellNotCounter(Evaluation& ev, std::string_view metric_name,
                    promql::Position position) {
  ev.Info(base::StrCat("metric might not be a counter, name does not end in "
                       "_total/_sum/_count/_bucket: ",
                       Quoted(metric_name)),
          position);
}

void WarnOfQuantile(Evaluation& ev, double phi, promql::Position position) {
  ev.Warn(base::StrCat("quantile value should be between 0 and 1, got ",
                       GeneralNumber(phi)),
          position);
}

void WarnOfQuantiles(Evaluation& ev, std::span<const double> phis,
                     std::span<const double> results, promql::Position position,
                     std::vector<bool>& told) {
  told.resize(phis.size());
  std::optional<uint64_t> last;  // most often all are the same
  for (size_t step = 0; step < phis.size(); ++step) {
    if (phis[step] >= 0 && phis[step] <= 1) continue;
    if (told[step] || IsAbsent(results[step])) continue;
    told[step] = true;
    const auto bits = std::bit_cast<uint64_t>(phis[step]);
    if (last == bits) continue;
    last = bits;
    WarnOfQuantile(ev, phis[step], position);
  }
}

promql::Position ArgumentPosition(Evaluation& ev, const promql::Call& call,
                                  size_t argument) {
  const promql::Expr& written = *call.args[argument];
  const promql::Expr& inner = Unwrap(written);
  if (inner.kind == promql::ExprKind::kSubquery) return {};
  const bool once = ev.IsStepInvariant(written) && !ev.IsStepInvariant(call);
  return once ? written.position : inner.position;
}

void WarnOfMixedAggregation(Evaluation& ev, promql::Position position) {
  ev.Warn("encountered a mix of histograms and floats for aggregation",
          position);
}

void WarnOfMixedBuckets(Evaluation& ev, std::string_view metric_name,
                        promql::Position position) {
  ev.Warn(base::StrCat("vector contains a mix of histograms with exponential "
                       "and custom buckets schemas for metric name ",
                       Quoted(metric_name)),
          position);
}

void WarnOfIncompatibleBounds(Evaluation& ev, std::string_view metric_name,
                              promql::Position position) {
  ev.Warn(base::StrCat("vector contains histograms with incompatible custom "
                       "buckets for metric name ",
                       Quoted(metric_name)),
          position);
}

void TellHistogramIgnored(Evaluation& ev, std::string_view aggregation,
                          promql::Position position) {
  ev.Info(base::StrCat("ignored histogram in ", aggregation, " aggregation"),
          position);
}

void TellOperandNotes(Evaluation& ev, const OperandNotes& notes,
                      const promql::BinaryExpr& expr) {
  const std::string_view op = promql::OperatorText(expr.op);
  constexpr std::string_view kTypes[] = {"float", "histogram"};
  for (const int left : {0, 1}) {
    for (const int right : {0, 1}) {
      if (!notes.incompatible[left][right]) continue;
      ev.Info(base::StrCat("incompatible sample types encountered for binary "
                           "operator ",
                           Quoted(op), ": ", kTypes[left], " ", op, " ",
                           kTypes[right]),
              expr.position);
    }
  }
  if (notes.bucket_layouts) {
    ev.Warn(base::StrCat("incompatible bucket layout encountered for binary "
                         "operator ",
                         op),
            expr.position);
  }
}

std::string ForMetric(std::string_view metric_name) {
  return base::StrCat(" for metric name ", Quoted(metric_name));
}

}  // namespace varve::eval
