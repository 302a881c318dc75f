// Functions that pick or count samples of a window.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "lib/rollup/functions.h"
#include "lib/rollup/window.h"

namespace varve::rollup {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The best sample of each window by `better(candidate, best)`; a NaN is worse
// than anything that follows it. What a later sample beats is never asked for
// again, so that each sample is looked at twice however long the windows are.
template <typename Better>
class SlidingBest {
 public:
  SlidingBest(std::span<const double> values, Better better)
      : values_(values), better_(better) {}

  // REQUIRES: neither bound decreases from call to call; lo < hi.
  size_t Of(size_t lo, size_t hi) {
    next_ = std::max(next_, lo);
    for (; next_ < hi; ++next_) {
      while (first_ < left_.size() && Beats(next_, left_.back())) {
        left_.pop_back();
      }
      left_.push_back(next_);
    }
    while (left_[first_] < lo) ++first_;
    return left_[first_];
  }

 private:
  bool Beats(size_t candidate, size_t best) const {
    return std::isnan(values_[best]) ||
           better_(values_[candidate], values_[best]);
  }

  const std::span<const double> values_;
  const Better better_;
  size_t next_ = 0;   // the first sample not seen
  size_t first_ = 0;  // of left_: the best of the window
  std::vector<size_t> left_;
};

// The best of `values`, the first of equal ones; a NaN is worse than anything
// that follows it.
template <typename Better>
double BestOf(std::span<const double> values, Better better) {
  double best = values[0];
  for (const double value : values.subspan(1)) {
    if (std::isnan(best) || better(value, best)) best = value;
  }
  return best;
}

// The same in vector code, which passes over NaNs and mixes up the zeros.
template <typename Better>
double BestNumberOf(std::span<const double> values, double worst,
                    Better better) {
  constexpr size_t kLanes = 8;
  std::array<double, kLanes> best;
  best.fill(worst);
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const double value = values[i + lane];
      best[lane] = better(value, best[lane]) ? value : best[lane];
    }
  }
  for (; i < values.size(); ++i) {
    best[0] = better(values[i], best[0]) ? values[i] : best[0];
  }
  for (const double other : best) worst = better(other, worst) ? other : worst;
  return worst == 0 || std::isinf(worst) ? BestOf(values, better) : worst;
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

// True when no sample is in many windows: each window is then looked through
// for itself, at a quarter of a nanosecond a sample. SlidingBest takes some
// twenty, of random samples, but of each sample once.
bool OverlapLittle(const Windows& windows) {
  constexpr int64_t kWindowsMax = 32;
  return windows.count <= kWindowsMax ||
         windows.range_ms / kWindowsMax <= windows.end_step_ms;
}

template <typename Better>
void BestValues(const Series& series, const Windows& windows, double worst,
                std::span<double> out, Better better) {
  if (OverlapLittle(windows)) {
    const double* const values = series.values.data();
    return SlideWindows(
        series, windows, out, [&](size_t lo, size_t hi, size_t) {
          return BestNumberOf({values + lo, hi - lo}, worst, better);
        });
  }
  SlidingBest best(series.values, better);
  SlideWindows(series, windows, out, [&](size_t lo, size_t hi, size_t) {
    return series.values[best.Of(lo, hi)];
  });
}

template <typename Better>
void BestTimes(const Series& series, const Windows& windows,
               std::span<double> out, Better better) {
  SlidingBest best(series.values, better);
  SlideWindows(series, windows, out, [&](size_t lo, size_t hi, size_t) {
    return Seconds(series.timestamps_ms[best.Of(lo, hi)]);
  });
}

void Extreme(Function function, const Series& series, const Windows& windows,
             std::span<double> out) {
  switch (function) {
    case Function::kMin:
      return BestValues(series, windows, kInfinity, out,
                        [](double a, double b) { return a < b; });
    case Function::kMax:
      return BestValues(series, windows, -kInfinity, out,
                        [](double a, double b) { return a > b; });
    case Function::kTsOfMin:
      return BestTimes(series, windows, out,
                       [](double a, double b) { return a <= b; });
    default:
      return BestTimes(series, windows, out,
                       [](double a, double b) { return a >= b; });
  }
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
