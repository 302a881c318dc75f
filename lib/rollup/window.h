// Moves a window over one series' timestamps, for all steps at once.
//
// `value(lo, hi, step)` is called for windows with samples [lo, hi), in the
// order of the steps, so that it may keep cursors of its own.
//
// Threads: free functions without state.
#ifndef VARVE_LIB_ROLLUP_WINDOW_H_
#define VARVE_LIB_ROLLUP_WINDOW_H_

#include <algorithm>
#include <span>

#include "lib/model/sample.h"
#include "lib/rollup/rollup.h"

namespace varve::rollup {

template <typename Value>
void SlideWindows(const Series& series, const Windows& windows,
                  std::span<double> out, Value value) {
  const std::span<const int64_t> ts = series.timestamps_ms;
  const size_t n = ts.size();
  size_t lo = static_cast<size_t>(
      std::upper_bound(ts.begin(), ts.end(),
                       windows.first_end_ms - windows.range_ms) -
      ts.begin());
  size_t hi = lo;
  int64_t end = windows.first_end_ms;
  for (size_t step = 0; step < windows.count; ++step) {
    const int64_t begin = end - windows.range_ms;
    while (hi < n && ts[hi] <= end) ++hi;
    while (lo < hi && ts[lo] <= begin) ++lo;
    out[step] = lo < hi ? value(lo, hi, step) : model::StaleNan();
    end += windows.end_step_ms;
  }
}

}  // namespace varve::rollup

#endif  // VARVE_LIB_ROLLUP_WINDOW_H_
