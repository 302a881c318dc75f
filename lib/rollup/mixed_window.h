// Moves a window over the floats and the histograms of one series at once.
//
// Threads: values; a cursor has one owner.
#ifndef VARVE_LIB_ROLLUP_MIXED_WINDOW_H_
#define VARVE_LIB_ROLLUP_MIXED_WINDOW_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "lib/rollup/rollup.h"

namespace varve::rollup {

// The samples of one window: floats [float_lo, float_hi), histograms alike.
struct MixedWindow {
  size_t float_lo = 0;
  size_t float_hi = 0;
  size_t histogram_lo = 0;
  size_t histogram_hi = 0;

  size_t floats() const { return float_hi - float_lo; }
  size_t histograms() const { return histogram_hi - histogram_lo; }
  bool mixed() const { return floats() > 0 && histograms() > 0; }
};

// A range [lo, hi) over ascending timestamps.
class WindowCursor {
 public:
  explicit WindowCursor(std::span<const int64_t> ts) : ts_(ts) {}

  // To the timestamps in (begin_ms, end_ms]. REQUIRES: neither falls.
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
  WindowCursor floats(series.floats.timestamps_ms);
  WindowCursor histograms(series.histograms.timestamps_ms);
  for (size_t step = 0; step < windows.count; ++step) {
    const int64_t end_ms = windows.End(step);
    floats.MoveTo(end_ms - windows.range_ms, end_ms);
    histograms.MoveTo(end_ms - windows.range_ms, end_ms);
    const MixedWindow window{floats.lo(), floats.hi(), histograms.lo(),
                             histograms.hi()};
    if (window.floats() + window.histograms() > 0) at(window, step);
  }
}

}  // namespace varve::rollup

#endif  // VARVE_LIB_ROLLUP_MIXED_WINDOW_H_
