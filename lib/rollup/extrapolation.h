// From the samples of a window to its boundaries, for rate and its kin.
//
// Threads: free functions without state.
// Source:  prometheus/prometheus promql/functions.go, extrapolatedRate (3.5).
#ifndef VARVE_LIB_ROLLUP_EXTRAPOLATION_H_
#define VARVE_LIB_ROLLUP_EXTRAPOLATION_H_

#include <cstddef>
#include <cstdint>

namespace varve::rollup {

// How far the window's slope reaches beyond its samples: to the window's
// boundaries if those are at most 1.1 sample distances away, else half a
// distance; a counter never to where it would be below zero.
template <bool kCounter>
inline double ExtrapolationFactor(int64_t first_ms, int64_t last_ms,
                                  int64_t begin_ms, int64_t end_ms,
                                  size_t intervals, double first_value,
                                  double increase) {
  double to_start = static_cast<double>(first_ms - begin_ms) / 1000;
  double to_end = static_cast<double>(end_ms - last_ms) / 1000;
  const double sampled = static_cast<double>(last_ms - first_ms) / 1000;
  const double average = sampled / static_cast<double>(intervals);
  const double threshold = average * 1.1;
  if (to_start >= threshold) to_start = average / 2;
  if (kCounter && increase > 0 && first_value >= 0) {
    const double to_zero = sampled * (first_value / increase);
    if (to_zero < to_start) to_start = to_zero;
  }
  if (to_end >= threshold) to_end = average / 2;
  return (sampled + to_start + to_end) / sampled;
}

}  // namespace varve::rollup

#endif  // VARVE_LIB_ROLLUP_EXTRAPOLATION_H_
