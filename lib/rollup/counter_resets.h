// A counter's values as if it had never fallen.
//
// After a fall the value before it is added to all that follow. A fall by less
// than an eighth is no new start but a counter put right a little: only the
// difference is added.
//
// Threads: a free function without state.
// Source:  VictoriaMetrics app/vmselect/promql/rollup.go (1.145).
#ifndef VARVE_LIB_ROLLUP_COUNTER_RESETS_H_
#define VARVE_LIB_ROLLUP_COUNTER_RESETS_H_

#include <algorithm>
#include <cmath>
#include <span>

namespace varve::rollup {

// NaNs stay and are passed over.
inline void RemoveResets(std::span<double> values) {
  double added = 0;
  double before = std::nan("");
  double before_result = -INFINITY;
  for (double& value : values) {
    if (std::isnan(value)) continue;
    const double raw = value;
    if (raw < before) {
      added += (before - raw) * 8 < before ? before - raw : before;
    }
    value = raw + added;
    // Rounding must not make a fall again. What is negative is no counter.
    if (raw >= 0) value = std::max(value, before_result);
    before = raw;
    before_result = value;
  }
}

}  // namespace varve::rollup

#endif  // VARVE_LIB_ROLLUP_COUNTER_RESETS_H_
