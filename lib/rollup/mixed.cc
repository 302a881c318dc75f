// Window functions of series that have native histograms: which functions see
// them, and those that pick, count and add them up.
#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "lib/histogram/arithmetic.h"
#include "lib/histogram/reset.h"
#include "lib/histogram/resolution.h"
#include "lib/rollup/functions.h"
#include "lib/rollup/mixed_window.h"

namespace varve::rollup {
namespace {

using histogram::FloatHistogram;
using histogram::HistogramPtr;

double Seconds(int64_t timestamp_ms) {
  return static_cast<double>(timestamp_ms) / 1000;
}

// The first or the last sample of a window.
struct Edge {
  bool is_histogram = false;
  size_t index = 0;
  int64_t at_ms = 0;
};

Edge FirstOf(const MixedSeries& series, const MixedWindow& window) {
  const auto& floats = series.floats.timestamps_ms;
  const auto& histograms = series.histograms.timestamps_ms;
  if (window.floats() > 0 &&
      (window.histograms() == 0 ||
       floats[window.float_lo] < histograms[window.histogram_lo])) {
    return {false, window.float_lo, floats[window.float_lo]};
  }
  return {true, window.histogram_lo, histograms[window.histogram_lo]};
}

Edge LastOf(const MixedSeries& series, const MixedWindow& window) {
  const auto& floats = series.floats.timestamps_ms;
  const auto& histograms = series.histograms.timestamps_ms;
  if (window.floats() > 0 &&
      (window.histograms() == 0 ||
       floats[window.float_hi - 1] > histograms[window.histogram_hi - 1])) {
    return {false, window.float_hi - 1, floats[window.float_hi - 1]};
  }
  return {true, window.histogram_hi - 1, histograms[window.histogram_hi - 1]};
}

// A staleness marker's bits say "no sample" themselves.
void Put(const MixedSeries& series, const Edge& edge, size_t step,
         const MixedOutput& out) {
  if (edge.is_histogram) {
    out.histograms[step] = series.histograms.histograms[edge.index];
  } else {
    out.values[step] = series.floats.values[edge.index];
  }
}

// Functions of single samples, whichever kind those are.
void Pick(Function function, const MixedSeries& series, const Windows& windows,
          const MixedOutput& out) {
  ForEachWindow(series, windows, [&](const MixedWindow& window, size_t step) {
    switch (function) {
      case Function::kCount:
        out.values[step] =
            static_cast<double>(window.floats() + window.histograms());
        return;
      case Function::kPresent:
        out.values[step] = 1;
        return;
      case Function::kFirst:
        return Put(series, FirstOf(series, window), step, out);
      case Function::kTsOfFirst:
        out.values[step] = Seconds(FirstOf(series, window).at_ms);
        return;
      case Function::kTsOfLast:
        out.values[step] = Seconds(LastOf(series, window).at_ms);
        return;
      case Function::kTsOfDefault: {
        const Edge last = LastOf(series, window);
        if (!last.is_histogram &&
            model::IsStaleNan(series.floats.values[last.index])) {
          return;
        }
        out.values[step] = Seconds(last.at_ms);
        return;
      }
      default:  // kLast, kDefault
        return Put(series, LastOf(series, window), step, out);
    }
  });
}

bool FloatsDiffer(Function function, double before, double value) {
  if (function == Function::kResets) return value < before;
  return value != before && !(std::isnan(value) && std::isnan(before));
}

bool HistogramsDiffer(Function function, const FloatHistogram& before,
                      const FloatHistogram& value) {
  return function == Function::kResets
             ? histogram::DetectReset(value, before)
             : !histogram::SameHistogram(value, before);
}

// changes and resets: a sample of another kind than the one before is both. A
// window's count is a difference of two counts from the series' begin.
void CountBetween(Function function, const MixedSeries& series,
                  const Windows& windows, const MixedOutput& out) {
  const auto& floats = series.floats;
  const auto& histograms = series.histograms;
  std::vector<uint32_t> upto;  // by how many samples of either kind precede
  size_t f = 0;
  size_t h = 0;
  bool before_is_histogram = false;
  while (f < floats.values.size() || h < histograms.histograms.size()) {
    const bool is_histogram =
        f == floats.values.size() ||
        (h < histograms.histograms.size() &&
         histograms.timestamps_ms[h] < floats.timestamps_ms[f]);
    bool differs = is_histogram != before_is_histogram;
    if (upto.empty()) {
      differs = false;
    } else if (!differs && is_histogram) {
      differs = HistogramsDiffer(function, *histograms.histograms[h - 1],
                                 *histograms.histograms[h]);
    } else if (!differs) {
      differs = FloatsDiffer(function, floats.values[f - 1], floats.values[f]);
    }
    upto.push_back((upto.empty() ? 0 : upto.back()) + (differs ? 1 : 0));
    before_is_histogram = is_histogram;
    ++(is_histogram ? h : f);
  }
  ForEachWindow(series, windows, [&](const MixedWindow& window, size_t step) {
    const size_t first = window.float_lo + window.histogram_lo;
    const size_t last = window.float_hi + window.histogram_hi - 1;
    out.values[step] = static_cast<double>(upto[last] - upto[first]);
  });
}

// Null, with a note, where the histograms cannot be added.
HistogramPtr SumOf(std::span<const HistogramPtr> histograms, Notes& notes) {
  auto sum = std::make_shared<FloatHistogram>(*histograms[0]);
  for (const HistogramPtr& h : histograms.subspan(1)) {
    const histogram::Combination result = histogram::Add(*sum, *h);
    if (!result.ok()) {
      notes.Add(NoteOf(result.mismatch));
      return nullptr;
    }
  }
  return sum;
}

HistogramPtr MeanOf(std::span<const HistogramPtr> histograms, Notes& notes) {
  auto mean = std::make_shared<FloatHistogram>(*histograms[0]);
  double count = 1;
  for (const HistogramPtr& h : histograms.subspan(1)) {
    const histogram::Combination result =
        histogram::AddToMean(*mean, *h, ++count);
    if (!result.ok()) {
      notes.Add(NoteOf(result.mismatch));
      return nullptr;
    }
  }
  return mean;
}

// sum and avg: windows with both kinds have none.
void AddUp(Function function, const MixedSeries& series, const Windows& windows,
           const Arguments& arguments, const MixedOutput& out, Notes& notes) {
  Compute(function, series.floats, windows, arguments, out.values);
  ForEachWindow(series, windows, [&](const MixedWindow& window, size_t step) {
    if (window.histograms() == 0) return;
    if (window.mixed()) {
      out.values[step] = model::StaleNan();
      notes.Add(Note::kMixedFloatsHistograms);
      return;
    }
    const auto histograms = series.histograms.histograms.subspan(
        window.histogram_lo, window.histograms());
    out.histograms[step] = function == Function::kSum
                               ? SumOf(histograms, notes)
                               : MeanOf(histograms, notes);
  });
}

// Functions of floats: histograms beside floats are worth a note, a window of
// histograms alone gives nothing.
void FloatsOnly(Function function, const MixedSeries& series,
                const Windows& windows, const Arguments& arguments,
                const MixedOutput& out, Notes& notes) {
  Compute(function, series.floats, windows, arguments, out.values);
  ForEachWindow(series, windows, [&](const MixedWindow& window, size_t) {
    if (window.mixed()) notes.Add(Note::kHistogramsIgnored);
  });
}

// VictoriaMetrics has no histograms: where its functions meet some, they are
// PromQL's of the same name.
Function InPromql(Function function) {
  switch (function) {
    case Function::kMetricsqlRate:
      return Function::kRate;
    case Function::kMetricsqlIncrease:
      return Function::kIncrease;
    case Function::kMetricsqlDelta:
      return Function::kDelta;
    case Function::kMetricsqlIrate:
      return Function::kIrate;
    case Function::kMetricsqlIdelta:
      return Function::kIdelta;
    case Function::kMetricsqlChanges:
      return Function::kChanges;
    case Function::kMetricsqlResets:
      return Function::kResets;
    case Function::kMetricsqlDeriv:
      return Function::kDeriv;
    case Function::kMetricsqlPredictLinear:
      return Function::kPredictLinear;
    default:
      return function;
  }
}

}  // namespace

Note NoteOf(histogram::Mismatch mismatch) {
  return mismatch == histogram::Mismatch::kBounds
             ? Note::kIncompatibleBounds
             : Note::kMixedExponentialCustom;
}

void ComputeMixed(Function asked, const MixedSeries& series,
                  const Windows& windows, const Arguments& arguments,
                  const MixedOutput& out, Notes& notes) {
  const Function function = InPromql(asked);
  std::fill(out.values.begin(), out.values.end(), model::StaleNan());
  std::fill(out.histograms.begin(), out.histograms.end(), nullptr);
  switch (function) {
    case Function::kCount:
    case Function::kPresent:
    case Function::kFirst:
    case Function::kLast:
    case Function::kTsOfFirst:
    case Function::kTsOfLast:
    case Function::kDefault:
    case Function::kTsOfDefault:
      return Pick(function, series, windows, out);
    case Function::kChanges:
    case Function::kResets:
      return CountBetween(function, series, windows, out);
    case Function::kSum:
    case Function::kAvg:
      return AddUp(function, series, windows, arguments, out, notes);
    case Function::kRate:
    case Function::kIncrease:
    case Function::kDelta:
      return ComputeMixedRate(function, series, windows, out, notes);
    case Function::kIrate:
    case Function::kIdelta:
      return ComputeMixedInstant(function, series, windows, out, notes);
    default:
      return FloatsOnly(function, series, windows, arguments, out, notes);
  }
}

}  // namespace varve::rollup
