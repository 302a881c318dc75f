// Window functions of series that have native histograms.
#include <algorithm>
#include <optional>
#include <vector>

#include "lib/rollup/functions.h"

namespace varve::rollup {
namespace {

using histogram::HistogramPtr;

// The samples of one window: floats [float_lo, float_hi), histograms alike.
struct Window {
  size_t float_lo = 0;
  size_t float_hi = 0;
  size_t histogram_lo = 0;
  size_t histogram_hi = 0;

  size_t floats() const { return float_hi - float_lo; }
  size_t histograms() const { return histogram_hi - histogram_lo; }
};

// Moves [lo, hi) over timestamps.
class Cursor {
 public:
  explicit Cursor(std::span<const int64_t> ts) : ts_(ts) {}
  void MoveTo(int64_t begin_ms, int64_t end_ms) {
    while (hi_ < ts_.size() && ts_[hi_] <= end_ms) ++hi_;
    while (lo_ < hi_ && ts_[lo_] <= begin_ms) ++lo_;
  }
  size_t lo() const { return lo_; }
  size_t hi() const { return hi_; }

 private:
  std::span<const int64_t> ts_;
  size_t lo_ = 0;
  size_t hi_ = 0;
};

// Calls `at(window, step)` for each step whose window has samples.
template <typename At>
void ForEachWindow(const MixedSeries& series, const Windows& windows, At at) {
  Cursor floats(series.floats.timestamps_ms);
  Cursor histograms(series.histograms.timestamps_ms);
  for (size_t step = 0; step < windows.count; ++step) {
    const int64_t end_ms = windows.End(step);
    floats.MoveTo(end_ms - windows.range_ms, end_ms);
    histograms.MoveTo(end_ms - windows.range_ms, end_ms);
    const Window window{floats.lo(), floats.hi(), histograms.lo(),
                        histograms.hi()};
    if (window.floats() + window.histograms() > 0) at(window, step);
  }
}

double Seconds(int64_t timestamp_ms) {
  return static_cast<double>(timestamp_ms) / 1000;
}

// Puts the sample that `histogram_wins` chooses into the step.
void PutLast(const MixedSeries& series, const Window& window, size_t step,
             const MixedOutput& out) {
  const auto& floats = series.floats;
  const auto& histograms = series.histograms;
  const bool is_histogram =
      window.floats() == 0 ||
      (window.histograms() > 0 &&
       histograms.timestamps_ms[window.histogram_hi - 1] >=
           floats.timestamps_ms[window.float_hi - 1]);
  if (is_histogram) {
    out.histograms[step] = histograms.histograms[window.histogram_hi - 1];
  } else {
    out.values[step] = floats.values[window.float_hi - 1];
  }
}

void PutFirst(const MixedSeries& series, const Window& window, size_t step,
              const MixedOutput& out) {
  const auto& floats = series.floats;
  const auto& histograms = series.histograms;
  const bool is_histogram =
      window.floats() == 0 || (window.histograms() > 0 &&
                               histograms.timestamps_ms[window.histogram_lo] <=
                                   floats.timestamps_ms[window.float_lo]);
  if (is_histogram) {
    out.histograms[step] = histograms.histograms[window.histogram_lo];
  } else {
    out.values[step] = floats.values[window.float_lo];
  }
}

int64_t LastMs(const MixedSeries& series, const Window& window) {
  int64_t last = INT64_MIN;
  if (window.floats() > 0) {
    last = series.floats.timestamps_ms[window.float_hi - 1];
  }
  if (window.histograms() > 0) {
    last = std::max(last,
                    series.histograms.timestamps_ms[window.histogram_hi - 1]);
  }
  return last;
}

int64_t FirstMs(const MixedSeries& series, const Window& window) {
  int64_t first = INT64_MAX;
  if (window.floats() > 0) {
    first = series.floats.timestamps_ms[window.float_lo];
  }
  if (window.histograms() > 0) {
    first =
        std::min(first, series.histograms.timestamps_ms[window.histogram_lo]);
  }
  return first;
}

// The last sample is a float that ends the series.
bool EndsStale(const MixedSeries& series, const Window& window) {
  return window.floats() > 0 &&
         model::IsStaleNan(series.floats.values[window.float_hi - 1]) &&
         series.floats.timestamps_ms[window.float_hi - 1] ==
             LastMs(series, window);
}

// Functions of single samples, whichever kind those are.
void Pick(Function function, const MixedSeries& series, const Windows& windows,
          const MixedOutput& out) {
  ForEachWindow(series, windows, [&](const Window& window, size_t step) {
    switch (function) {
      case Function::kCount:
        out.values[step] =
            static_cast<double>(window.floats() + window.histograms());
        return;
      case Function::kPresent:
        out.values[step] = 1;
        return;
      case Function::kFirst:
        return PutFirst(series, window, step, out);
      case Function::kTsOfFirst:
        out.values[step] = Seconds(FirstMs(series, window));
        return;
      case Function::kTsOfLast:
        out.values[step] = Seconds(LastMs(series, window));
        return;
      case Function::kTsOfDefault:
        if (!EndsStale(series, window)) {
          out.values[step] = Seconds(LastMs(series, window));
        }
        return;
      default:  // kLast, kDefault: a marker's bits say "no sample" themselves
        return PutLast(series, window, step, out);
    }
  });
}

// Functions of floats: histograms beside floats are worth a note, a window of
// histograms alone gives nothing.
void FloatsOnly(Function function, const MixedSeries& series,
                const Windows& windows, const Arguments& arguments,
                const MixedOutput& out, Notes& notes) {
  Compute(function, series.floats, windows, arguments, out.values);
  ForEachWindow(series, windows, [&](const Window& window, size_t) {
    if (window.floats() > 0 && window.histograms() > 0) {
      notes.Add(Note::kHistogramsIgnored);
    }
  });
}

}  // namespace

void ComputeMixed(Function function, const MixedSeries& series,
                  const Windows& windows, const Arguments& arguments,
                  const MixedOutput& out, Notes& notes) {
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
    default:
      return FloatsOnly(function, series, windows, arguments, out, notes);
  }
}

}  // namespace varve::rollup
