// Moves a window over one series' timestamps, for all steps at once.
//
// `value(lo, hi, step)` is called for windows with samples [lo, hi), in the
// order of the steps, so that it may keep cursors of its own.
//
// A bound moves by as many samples as it did at the step before, or nearly:
// looking there first costs a window two comparisons whatever it holds, where
// walking cost each sample one and each window two mispredicted branches.
//
// Threads: free functions without state.
#ifndef VARVE_LIB_ROLLUP_WINDOW_H_
#define VARVE_LIB_ROLLUP_WINDOW_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "lib/model/sample.h"
#include "lib/rollup/rollup.h"

namespace varve::rollup {

// One bound of the windows: the first sample after a moment.
class WindowBound {
 public:
  explicit WindowBound(const int64_t* timestamps_ms)
      : timestamps_ms_(timestamps_ms) {}

  // REQUIRES: neither argument decreases from call to call.
  size_t FirstAfter(int64_t ms, size_t samples) {
    size_t at = std::min(at_ + moved_, samples);
    if (at > at_ && timestamps_ms_[at - 1] > ms) {
      do --at;
      while (at > at_ && timestamps_ms_[at - 1] > ms);
    } else {
      while (at < samples && timestamps_ms_[at] <= ms) ++at;
    }
    moved_ = at - at_;
    return at_ = at;
  }

 private:
  const int64_t* timestamps_ms_;
  size_t at_ = 0;
  size_t moved_ = 0;  // by the last call
};

template <typename Value>
void SlideWindows(const Series& series, const Windows& windows,
                  std::span<double> out, Value value) {
  const std::span<const int64_t> ts = series.timestamps_ms;
  const size_t before = static_cast<size_t>(
      std::upper_bound(ts.begin(), ts.end(),
                       windows.first_end_ms - windows.range_ms) -
      ts.begin());
  WindowBound first(ts.data() + before);
  WindowBound last(ts.data() + before);
  int64_t end = windows.first_end_ms;
  for (size_t step = 0; step < windows.count; ++step) {
    const size_t hi = before + last.FirstAfter(end, ts.size() - before);
    const size_t lo =
        before + first.FirstAfter(end - windows.range_ms, hi - before);
    out[step] = lo < hi ? value(lo, hi, step) : model::StaleNan();
    end += windows.end_step_ms;
  }
}

}  // namespace varve::rollup

#endif  // VARVE_LIB_ROLLUP_WINDOW_H_
