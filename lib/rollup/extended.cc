// Ranges whose edges are known from samples outside: `anchored` and
// `smoothed`. Nothing is extrapolated.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "lib/rollup/functions.h"
#include "lib/rollup/window.h"

namespace varve::rollup {
namespace {

bool IsSmoothed(Function function) {
  return function >= Function::kSmoothedRate;
}

bool IsCounter(Function function) {
  return function != Function::kAnchoredDelta &&
         function != Function::kSmoothedDelta;
}

// Between samples i and i + 1. A counter that fell starts from 0.
double Interpolate(const Series& series, size_t i, int64_t at_ms,
                   bool is_counter) {
  double from = series.values[i];
  const double to = series.values[i + 1];
  if (is_counter && to < from) from = 0;
  const int64_t from_ms = series.timestamps_ms[i];
  const int64_t to_ms = series.timestamps_ms[i + 1];
  return from + (to - from) * static_cast<double>(at_ms - from_ms) /
                    static_cast<double>(to_ms - from_ms);
}

// What a counter lost on the way from `left` over samples [lo, hi) to `right`.
double LostByResets(const Series& series, double left, double right, size_t lo,
                    size_t hi) {
  double lost = 0;
  double before = left;
  for (size_t i = lo; i < hi; ++i) {
    if (series.values[i] < before) lost += before;
    before = series.values[i];
  }
  return right < before ? lost + before : lost;
}

// A window with what lies around it: [lo, hi) holds the samples that may be
// used, `begin_ms` and `end_ms` are the window's own.
struct Extended {
  size_t lo = 0;
  size_t hi = 0;
  int64_t begin_ms = 0;
  int64_t end_ms = 0;
};

// The last sample up to the window's begin, or the first one.
size_t Anchor(const Series& series, const Extended& window) {
  const auto ts = series.timestamps_ms.begin();
  const auto after = std::upper_bound(
      ts + static_cast<ptrdiff_t>(window.lo),
      ts + static_cast<ptrdiff_t>(window.hi - 1), window.begin_ms);
  const auto found = static_cast<size_t>(after - ts);
  return found > window.lo ? found - 1 : window.lo;
}

double Increase(Function function, const Series& series,
                const Extended& window) {
  const auto& ts = series.timestamps_ms;
  size_t first = Anchor(series, window);
  size_t last = window.hi - 1;
  if (IsSmoothed(function)) {
    while (last > window.lo && ts[last - 1] >= window.end_ms) --last;
  }
  if (ts[last] <= window.begin_ms) return model::StaleNan();
  if (IsSmoothed(function) && ts[first] > window.end_ms) {
    return model::StaleNan();
  }
  const bool is_counter = IsCounter(function);
  double left = series.values[first];
  double right = series.values[last];
  if (IsSmoothed(function) && ts[first] < window.begin_ms) {
    left = Interpolate(series, first, window.begin_ms, is_counter);
  }
  if (IsSmoothed(function) && last > window.lo && ts[last] > window.end_ms) {
    right = Interpolate(series, last - 1, window.end_ms, is_counter);
  }
  double increase = right - left;
  if (!is_counter) return increase;
  if (ts[first] <= window.begin_ms) ++first;
  const size_t end = ts[last] >= window.end_ms ? last : last + 1;
  return increase + LostByResets(series, left, right, first, end);
}

double CountFrom(const Series& series, const Extended& window, bool resets) {
  if (series.timestamps_ms[window.hi - 1] <= window.begin_ms) {
    return model::StaleNan();
  }
  size_t count = 0;
  for (size_t i = Anchor(series, window) + 1; i < window.hi; ++i) {
    const double before = series.values[i - 1];
    const double value = series.values[i];
    if (resets
            ? value < before
            : value != before && !(std::isnan(value) && std::isnan(before))) {
      ++count;
    }
  }
  return static_cast<double>(count);
}

// The value at the window's end: between the samples around it, or the last
// one before it.
double ValueAt(const Series& series, const Extended& window) {
  const auto& ts = series.timestamps_ms;
  size_t next = window.lo;
  while (next < window.hi && ts[next] < window.end_ms) ++next;
  if (next < window.hi && ts[next] == window.end_ms) return series.values[next];
  if (next == window.lo) return model::StaleNan();
  if (next == window.hi) return series.values[next - 1];
  return Interpolate(series, next - 1, window.end_ms, false);
}

}  // namespace

void ExtendSamples(bool smoothed, int64_t begin_ms, int64_t end_ms,
                   model::SampleColumns& samples) {
  model::SampleColumns out;
  const Series series{samples.timestamps_ms, samples.values};
  const auto& ts = samples.timestamps_ms;
  if (ts.empty()) return;
  const Extended window{0, ts.size(), begin_ms, end_ms};
  size_t first = Anchor(series, window);
  size_t last = ts.size() - 1;
  while (smoothed && last > 0 && ts[last - 1] >= end_ms) --last;
  if (ts[last] > begin_ms && ts[first] <= end_ms) {
    double left = samples.values[first];
    double right = samples.values[last];
    if (smoothed && ts[first] < begin_ms) {
      left = Interpolate(series, first, begin_ms, false);
    }
    if (smoothed && last > 0 && ts[last] > end_ms) {
      right = Interpolate(series, last - 1, end_ms, false);
    }
    out.push_back(begin_ms, left);
    for (; first <= last; ++first) {
      if (ts[first] <= begin_ms || ts[first] >= end_ms) continue;
      out.push_back(ts[first], samples.values[first]);
    }
    out.push_back(end_ms, right);
  }
  samples = std::move(out);
}

void ComputeExtended(Function function, const Series& series,
                     const Windows& windows, std::span<double> out) {
  // The windows with what lies around them slide as any others.
  Windows around = windows;
  around.first_end_ms += AfterMs(function, windows);
  around.range_ms += BeforeMs(function, windows) + AfterMs(function, windows);
  const double range_s = static_cast<double>(windows.range_ms) / 1000;
  SlideWindows(series, around, out, [&](size_t lo, size_t hi, size_t step) {
    const int64_t end_ms = windows.End(step);
    const Extended window{lo, hi, end_ms - windows.range_ms, end_ms};
    switch (function) {
      case Function::kSmoothedDefault:
        return ValueAt(series, window);
      case Function::kAnchoredChanges:
        return CountFrom(series, window, false);
      case Function::kAnchoredResets:
        return CountFrom(series, window, true);
      case Function::kAnchoredRate:
      case Function::kSmoothedRate: {
        const double increase = Increase(function, series, window);
        return model::IsStaleNan(increase) ? increase : increase / range_s;
      }
      default:
        return Increase(function, series, window);
    }
  });
}

}  // namespace varve::rollup
