#include "lib/rollup/previous.h"

#include <algorithm>
#include <array>

#include "lib/rollup/quantile.h"

namespace varve::rollup {

int64_t ScrapeIntervalMs(std::span<const int64_t> timestamps_ms,
                         int64_t fallback_ms) {
  std::array<double, 20> intervals;
  size_t count = 0;
  for (size_t i = 1; i < timestamps_ms.size() && count < 20; ++i) {
    intervals[count++] =
        static_cast<double>(timestamps_ms[i] - timestamps_ms[i - 1]);
  }
  if (count == 0) return fallback_ms;
  const auto interval =
      static_cast<int64_t>(Quantile(0.6, std::span(intervals).first(count)));
  return interval > 0 ? interval : fallback_ms;
}

namespace {

// The interval and the part of it by which scrapes may be late.
int64_t WithJitter(int64_t interval) {
  if (interval <= 2'000) return interval * 5;
  if (interval <= 4'000) return interval * 3;
  if (interval <= 8'000) return interval * 2;
  if (interval <= 16'000) return interval + interval / 2;
  if (interval <= 32'000) return interval + interval / 4;
  return interval + interval / 8;
}

}  // namespace

Series FromStepBefore(const Series& series, const Windows& windows) {
  const int64_t step_ms =
      windows.previous_ms > 0 ? windows.previous_ms : windows.eval_step_ms;
  const int64_t begin_ms =
      windows.first_end_ms - std::max(windows.range_ms, step_ms);
  const auto& ts = series.timestamps_ms;
  const auto older = static_cast<size_t>(
      std::lower_bound(ts.begin(), ts.end(), begin_ms) - ts.begin());
  return {ts.subspan(older), series.values.subspan(older)};
}

int64_t PreviousReachMs(std::span<const int64_t> timestamps_ms,
                        const Windows& windows) {
  int64_t reach = windows.previous_ms;
  if (reach == 0) {
    reach = WithJitter(ScrapeIntervalMs(timestamps_ms, windows.eval_step_ms));
  }
  if (windows.previous_max_ms > 0) {
    reach = std::min(reach, windows.previous_max_ms);
  }
  return std::max(reach, windows.previous_min_ms);
}

Windows FitToInterval(std::span<const int64_t> timestamps_ms,
                      const Windows& windows) {
  Windows own = windows;
  own.fits_interval = false;
  own.range_ms =
      std::max(own.range_ms, PreviousReachMs(timestamps_ms, windows));
  return own;
}

}  // namespace varve::rollup
