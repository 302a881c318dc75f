// rate, increase, delta and their instant kin.
#include <cstdint>
#include <vector>

#include "lib/rollup/extrapolation.h"
#include "lib/rollup/functions.h"
#include "lib/rollup/window.h"

namespace varve::rollup {
namespace {

// Where a counter fell: i with values[i] < values[i-1].
std::vector<uint32_t> FindResets(std::span<const double> values) {
  std::vector<uint32_t> resets;
  for (size_t i = 1; i < values.size(); ++i) {
    if (values[i] < values[i - 1]) resets.push_back(static_cast<uint32_t>(i));
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
    double factor = ExtrapolationFactor<kCounter>(
        ts[lo], ts[hi - 1], end_ms - windows.range_ms, end_ms, hi - lo - 1,
        values[lo], increase);
    if (kPerSecond) factor /= range_s;
    return increase * factor;
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
