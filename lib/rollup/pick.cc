// Functions that pick or count samples of a window.
#include <cmath>
#include <cstdint>
#include <vector>

#include "lib/rollup/functions.h"
#include "lib/rollup/window.h"

namespace varve::rollup {
namespace {

// The window's best index by `better(candidate, best)`; a NaN is worse than
// anything that follows it.
template <typename Better>
size_t Best(std::span<const double> values, size_t lo, size_t hi,
            Better better) {
  size_t best = lo;
  for (size_t i = lo; i < hi; ++i) {
    if (better(values[i], values[best]) || std::isnan(values[best])) best = i;
  }
  return best;
}

// Counts of `differs(previous, current)` up to and with each sample, so that
// a window's count is a difference of two.
template <typename Differs>
void CountBetween(const Series& series, const Windows& windows,
                  std::span<double> out, Differs differs) {
  std::vector<uint32_t> upto(series.values.size(), 0);
  for (size_t i = 1; i < upto.size(); ++i) {
    upto[i] =
        upto[i - 1] + (differs(series.values[i - 1], series.values[i]) ? 1 : 0);
  }
  SlideWindows(series, windows, out, [&](size_t lo, size_t hi, size_t) {
    return static_cast<double>(upto[hi - 1] - upto[lo]);
  });
}

double Seconds(int64_t timestamp_ms) {
  return static_cast<double>(timestamp_ms) / 1000;
}

void Extreme(Function function, const Series& series, const Windows& windows,
             std::span<double> out) {
  const std::span<const double> values = series.values;
  SlideWindows(series, windows, out, [&](size_t lo, size_t hi, size_t) {
    switch (function) {
      case Function::kMin:
        return values[Best(values, lo, hi,
                           [](double a, double b) { return a < b; })];
      case Function::kMax:
        return values[Best(values, lo, hi,
                           [](double a, double b) { return a > b; })];
      case Function::kTsOfMin:
        return Seconds(series.timestamps_ms[Best(
            values, lo, hi, [](double a, double b) { return a <= b; })]);
      default:
        return Seconds(series.timestamps_ms[Best(
            values, lo, hi, [](double a, double b) { return a >= b; })]);
    }
  });
}

}  // namespace

void ComputePick(Function function, const Series& series,
                 const Windows& windows, std::span<double> out) {
  const double* values = series.values.data();
  const int64_t* ts = series.timestamps_ms.data();
  switch (function) {
    case Function::kChanges:
      return CountBetween(series, windows, out, [](double a, double b) {
        return a != b && !(std::isnan(a) && std::isnan(b));
      });
    case Function::kResets:
      return CountBetween(series, windows, out,
                          [](double a, double b) { return b < a; });
    case Function::kMin:
    case Function::kMax:
    case Function::kTsOfMin:
    case Function::kTsOfMax:
      return Extreme(function, series, windows, out);
    case Function::kCount:
      return SlideWindows(series, windows, out,
                          [](size_t lo, size_t hi, size_t) {
                            return static_cast<double>(hi - lo);
                          });
    case Function::kPresent:
      return SlideWindows(series, windows, out,
                          [](size_t, size_t, size_t) { return 1.0; });
    case Function::kFirst:
      return SlideWindows(series, windows, out, [&](size_t lo, size_t, size_t) {
        return values[lo];
      });
    case Function::kTsOfFirst:
      return SlideWindows(series, windows, out, [&](size_t lo, size_t, size_t) {
        return Seconds(ts[lo]);
      });
    case Function::kTsOfLast:
      return SlideWindows(series, windows, out, [&](size_t, size_t hi, size_t) {
        return Seconds(ts[hi - 1]);
      });
    case Function::kTsOfDefault:
      return SlideWindows(series, windows, out, [&](size_t, size_t hi, size_t) {
        return model::IsStaleNan(values[hi - 1]) ? model::StaleNan()
                                                 : Seconds(ts[hi - 1]);
      });
    default:  // kLast, kDefault: a marker's bits say "no sample" themselves
      return SlideWindows(series, windows, out, [&](size_t, size_t hi, size_t) {
        return values[hi - 1];
      });
  }
}

}  // namespace varve::rollup
