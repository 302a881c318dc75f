// rate, increase, delta and their instant kin.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "lib/rollup/extrapolation.h"
#include "lib/rollup/functions.h"
#include "lib/rollup/window.h"

namespace varve::rollup {
namespace {

// Whether a counter falls in [begin, end): vector code, as it does not leave
// early.
bool Falls(std::span<const double> values, size_t begin, size_t end) {
  uint64_t falls = 0;
  for (size_t i = begin; i < end; ++i) {
    falls |= uint64_t{values[i] < values[i - 1]};
  }
  return falls != 0;
}

// Where a counter fell: i with values[i] < values[i-1].
std::vector<uint32_t> FindResets(std::span<const double> values) {
  constexpr size_t kBlock = 256;
  std::vector<uint32_t> resets;
  for (size_t begin = 1; begin < values.size(); begin += kBlock) {
    const size_t end = std::min(begin + kBlock, values.size());
    if (!Falls(values, begin, end)) continue;
    for (size_t i = begin; i < end; ++i) {
      if (values[i] < values[i - 1]) {
        resets.push_back(static_cast<uint32_t>(i));
      }
    }
  }
  return resets;
}

template <bool kCounter, bool kPerSecond>
void Extrapolated(const Series& series, const Windows& windows,
                  std::span<double> out) {
  const int64_t* ts = series.timestamps_ms.data();
  const double* values = series.values.data();
  const std::vector<uint32_t> resets =
      kCounter ? FindResets(series.values) : std::vector<uint32_t>();
  const double range_s = static_cast<double>(windows.range_ms) / 1000;
  Extrapolation<kCounter> extrapolation(kPerSecond ? range_s : 1);
  size_t reset = 0;
  SlideWindows(series, windows, out, [&](size_t lo, size_t hi, size_t step) {
    if (hi - lo < 2) return model::StaleNan();
    double increase = values[hi - 1] - values[lo];
    if (kCounter && reset < resets.size()) {
      while (reset < resets.size() && resets[reset] <= lo) ++reset;
      for (size_t r = reset; r < resets.size() && resets[r] < hi; ++r) {
        increase += values[resets[r] - 1];
      }
    }
    const int64_t end_ms = windows.End(step);
    return increase * extrapolation.Factor(
                          {.before_ms = ts[lo] - (end_ms - windows.range_ms),
                           .sampled_ms = ts[hi - 1] - ts[lo],
                           .after_ms = end_ms - ts[hi - 1],
                           .intervals = hi - lo - 1},
                          values[lo], increase);
  });
}

template <bool kRate>
void Instant(const Series& series, const Windows& windows,
             std::span<double> out) {
  const int64_t* ts = series.timestamps_ms.data();
  const double* values = series.values.data();
  SlideWindows(series, windows, out, [&](size_t lo, size_t hi, size_t) {
    if (hi - lo < 2) return model::StaleNan();
    const int64_t interval_ms = ts[hi - 1] - ts[hi - 2];
    if (interval_ms == 0) return model::StaleNan();
    double result = values[hi - 1];
    if (!kRate || !(values[hi - 1] < values[hi - 2])) result -= values[hi - 2];
    if (kRate) result /= static_cast<double>(interval_ms) / 1000;
    return result;
  });
}

}  // namespace

void ComputeRate(Function function, const Series& series,
                 const Windows& windows, std::span<double> out) {
  switch (function) {
    case Function::kRate:
      return Extrapolated<true, true>(series, windows, out);
    case Function::kIncrease:
      return Extrapolated<true, false>(series, windows, out);
    case Function::kDelta:
      return Extrapolated<false, false>(series, windows, out);
    case Function::kIrate:
      return Instant<true>(series, windows, out);
    default:
      return Instant<false>(series, windows, out);
  }
}

}  // namespace varve::rollup
