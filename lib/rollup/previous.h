// The sample before a window, which many of MetricsQL's functions start from.
//
// It counts when another sample follows it and it lies at most some way before
// the window's begin: Windows::previous_ms, or else the series' scrape
// interval and a part of it more, the smaller the interval the larger the
// part. A window without samples that follows such a sample has a value too.
//
// Threads: free functions without state.
// Source:  VictoriaMetrics docs/MetricsQL.md and app/vmselect/promql/rollup.go
//          (1.145) for the quantile and the parts.
#ifndef VARVE_LIB_ROLLUP_PREVIOUS_H_
#define VARVE_LIB_ROLLUP_PREVIOUS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "lib/model/sample.h"
#include "lib/rollup/rollup.h"

namespace varve::rollup {

// The 0.6-quantile of the first 20 distances, or `fallback_ms` if there is no
// distance above zero.
int64_t ScrapeIntervalMs(std::span<const int64_t> timestamps_ms,
                         int64_t fallback_ms);

// The samples from the first window's begin on, or from one step before its
// end if that is earlier. VictoriaMetrics reads no further back for
// holt_winters, zscore_over_time and aggr_over_time over series, so nothing
// older is the sample before their first windows.
Series FromStepBefore(const Series& series, const Windows& windows);

// How far before a window's begin the sample before it counts.
int64_t PreviousReachMs(std::span<const int64_t> timestamps_ms,
                        const Windows& windows);

// The windows, whose range was not written, as long as these samples are apart.
Windows FitToInterval(std::span<const int64_t> timestamps_ms,
                      const Windows& windows);

// A window's samples are [lo, hi); lo == hi: it has none.
struct Window {
  size_t lo = 0;
  size_t hi = 0;
  size_t step = 0;
  int64_t end_ms = 0;
  // lo - 1 is the sample before, and it counts. Without this, lo - 1 is still
  // the sample before if lo > 0.
  bool has_previous = false;

  size_t size() const { return hi - lo; }
};

// Calls `value(window)` for each step whose window has a sample or one before
// it that counts, in the order of the steps.
template <typename Value>
void SlideWithPrevious(const Series& series, const Windows& windows,
                       std::span<double> out, Value value) {
  const std::span<const int64_t> ts = series.timestamps_ms;
  const int64_t reach_ms = PreviousReachMs(ts, windows);
  Window at;
  at.lo = at.hi = static_cast<size_t>(
      std::upper_bound(ts.begin(), ts.end(),
                       windows.first_end_ms - windows.range_ms) -
      ts.begin());
  int64_t end = windows.first_end_ms;
  for (size_t step = 0; step < windows.count; ++step) {
    const int64_t begin = end - windows.range_ms;
    while (at.hi < ts.size() && ts[at.hi] <= end) ++at.hi;
    while (at.lo < ts.size() && ts[at.lo] <= begin) ++at.lo;
    at.step = step;
    at.end_ms = end;
    at.has_previous =
        at.lo > 0 && at.lo < ts.size() && ts[at.lo - 1] > begin - reach_ms;
    const bool some = at.hi > at.lo || at.has_previous;
    out[step] = some ? value(at) : model::StaleNan();
    end += windows.end_step_ms;
  }
}

}  // namespace varve::rollup

#endif  // VARVE_LIB_ROLLUP_PREVIOUS_H_
