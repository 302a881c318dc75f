// rate, increase, delta, irate and idelta of native histograms.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lib/histogram/arithmetic.h"
#include "lib/histogram/reset.h"
#include "lib/histogram/resolution.h"
#include "lib/rollup/extrapolation.h"
#include "lib/rollup/functions.h"
#include "lib/rollup/mixed_window.h"

namespace varve::rollup {
namespace {

using histogram::FloatHistogram;
using histogram::HistogramPtr;

bool IsGauge(const FloatHistogram& h) {
  return h.reset == model::CounterReset::kGauge;
}

// The increase between the ends of ranges of one series' histograms.
class Increases {
 public:
  Increases(std::span<const HistogramPtr> histograms, bool is_counter)
      : histograms_(histograms), is_counter_(is_counter) {
    for (const HistogramPtr& h : histograms) {
      uniform_ = uniform_ && h->schema == histograms[0]->schema && !IsGauge(*h);
    }
    for (size_t i = 1; is_counter && i < histograms.size(); ++i) {
      if (histogram::DetectReset(*histograms[i], *histograms[i - 1])) {
        resets_.push_back(i);
      }
    }
  }

  // Of [lo, hi); `lo` never falls from call to call. Null with a note where
  // the histograms do not fit together.
  std::shared_ptr<FloatHistogram> Between(size_t lo, size_t hi, Notes& notes) {
    const FloatHistogram& last = *histograms_[hi - 1];
    NoteKind(*histograms_[lo], last, notes);
    while (next_ < resets_.size() && resets_[next_] <= lo) ++next_;
    // A first sample that the second one starts anew from does not count,
    // whatever its layout is.
    const bool restarts =
        next_ < resets_.size() && resets_[next_] == lo + 1 && lo + 1 < hi;
    const FloatHistogram& base = *histograms_[restarts ? lo + 1 : lo];
    int32_t schema = std::min(last.schema, base.schema);
    if (base.has_custom_bounds() != last.has_custom_bounds() ||
        !TakeMiddle(lo + 1, hi - 1, base, schema, notes)) {
      notes.Add(Note::kMixedExponentialCustom);
      return nullptr;
    }
    auto increase =
        std::make_shared<FloatHistogram>(histogram::CopyToSchema(last, schema));
    if (!restarts && !Apply(histogram::Sub(*increase, base), notes)) {
      return nullptr;
    }
    for (size_t r = next_ + (restarts ? 1 : 0);
         r < resets_.size() && resets_[r] < hi; ++r) {
      if (!Apply(histogram::Add(*increase, *histograms_[resets_[r] - 1]),
                 notes)) {
        return nullptr;
      }
    }
    increase->reset = model::CounterReset::kGauge;
    histogram::Compact(*increase);
    return increase;
  }

 private:
  void NoteKind(const FloatHistogram& first, const FloatHistogram& last,
                Notes& notes) const {
    if (is_counter_ && (IsGauge(first) || IsGauge(last))) {
      notes.Add(Note::kNotCounter);
    }
    if (!is_counter_ && (!IsGauge(first) || !IsGauge(last))) {
      notes.Add(Note::kNotGauge);
    }
  }

  // The samples between the ends matter to counters only. False where one has
  // buckets of another sort.
  bool TakeMiddle(size_t begin, size_t end, const FloatHistogram& base,
                  int32_t& schema, Notes& notes) const {
    if (!is_counter_ || uniform_) return true;
    for (size_t i = begin; i < end; ++i) {
      const FloatHistogram& h = *histograms_[i];
      if (IsGauge(h)) notes.Add(Note::kNotCounter);
      if (h.has_custom_bounds() != base.has_custom_bounds()) return false;
      schema = std::min(schema, h.schema);
    }
    return true;
  }

  static bool Apply(const histogram::Combination& result, Notes& notes) {
    if (!result.ok()) notes.Add(NoteOf(result.mismatch));
    return result.ok();
  }

  const std::span<const HistogramPtr> histograms_;
  const bool is_counter_;
  bool uniform_ = true;         // one schema and no gauge
  std::vector<size_t> resets_;  // i: begins anew after i - 1
  size_t next_ = 0;             // the first reset behind `lo`
};

// From one histogram to the next; null with a note where they do not fit.
std::shared_ptr<FloatHistogram> Step(const FloatHistogram& before,
                                     const FloatHistogram& last, bool is_rate,
                                     double seconds, Notes& notes) {
  if (is_rate && (IsGauge(before) || IsGauge(last))) {
    notes.Add(Note::kNotCounter);
  }
  if (!is_rate && (!IsGauge(before) || !IsGauge(last))) {
    notes.Add(Note::kNotGauge);
  }
  auto step = std::make_shared<FloatHistogram>(last);
  if (!is_rate || !histogram::DetectReset(last, before)) {
    const histogram::Combination result = histogram::Sub(*step, before);
    if (!result.ok()) {
      notes.Add(NoteOf(result.mismatch));
      return nullptr;
    }
  }
  step->reset = model::CounterReset::kGauge;
  histogram::Compact(*step);
  if (is_rate) histogram::Divide(*step, seconds);
  return step;
}

// How many of a window's last two samples are histograms.
size_t HistogramsAtEnd(const MixedSeries& series, const MixedWindow& window) {
  size_t f = window.float_hi;
  size_t h = window.histogram_hi;
  size_t found = 0;
  for (int i = 0; i < 2; ++i) {
    const bool is_histogram =
        h > window.histogram_lo &&
        (f == window.float_lo || series.histograms.timestamps_ms[h - 1] >
                                     series.floats.timestamps_ms[f - 1]);
    if (is_histogram) ++found;
    --(is_histogram ? h : f);
  }
  return found;
}

}  // namespace

void ComputeMixedRate(Function function, const MixedSeries& series,
                      const Windows& windows, const MixedOutput& out,
                      Notes& notes) {
  ComputeRate(function, series.floats, windows, out.values);
  const bool is_counter = function != Function::kDelta;
  const std::span<const int64_t> ts = series.histograms.timestamps_ms;
  const std::span<const histogram::HistogramPtr> histograms =
      series.histograms.histograms;
  Increases increases(histograms, is_counter);
  const double range_s = static_cast<double>(windows.range_ms) / 1000;
  Extrapolation<false> extrapolation(function == Function::kRate ? range_s : 1);
  ForEachWindow(series, windows, [&](const MixedWindow& window, size_t step) {
    if (window.histograms() == 0) return;
    if (window.mixed()) {
      out.values[step] = model::StaleNan();
      notes.Add(Note::kMixedFloatsHistograms);
      return;
    }
    if (window.histograms() < 2) return;
    const size_t lo = window.histogram_lo;
    const size_t hi = window.histogram_hi;
    auto increase = increases.Between(lo, hi, notes);
    if (increase == nullptr) return;
    const int64_t end_ms = windows.End(step);
    const int64_t begin_ms = end_ms - windows.range_ms;
    // Not stopped where the count would be 0: that is for floats alone.
    const double factor =
        extrapolation.Factor({.before_ms = ts[lo] - begin_ms,
                              .sampled_ms = ts[hi - 1] - ts[lo],
                              .after_ms = end_ms - ts[hi - 1],
                              .intervals = hi - lo - 1},
                             0, 0);
    histogram::Scale(*increase, factor);
    out.histograms[step] = std::move(increase);
  });
}

void ComputeMixedInstant(Function function, const MixedSeries& series,
                         const Windows& windows, const MixedOutput& out,
                         Notes& notes) {
  ComputeRate(function, series.floats, windows, out.values);
  const std::span<const int64_t> ts = series.histograms.timestamps_ms;
  const std::span<const histogram::HistogramPtr> histograms =
      series.histograms.histograms;
  ForEachWindow(series, windows, [&](const MixedWindow& window, size_t step) {
    if (window.histograms() == 0) return;
    if (window.floats() + window.histograms() < 2) return;
    const size_t found = HistogramsAtEnd(series, window);
    if (found == 0) return;  // two floats
    out.values[step] = model::StaleNan();
    if (found == 1) {
      notes.Add(Note::kMixedFloatsHistograms);
      return;
    }
    const size_t last = window.histogram_hi - 1;
    const double seconds = static_cast<double>(ts[last] - ts[last - 1]) / 1000;
    out.histograms[step] = Step(*histograms[last - 1], *histograms[last],
                                function == Function::kIrate, seconds, notes);
  });
}

}  // namespace varve::rollup
