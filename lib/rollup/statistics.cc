// Means, sums, deviations and quantiles over a window.
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "lib/rollup/functions.h"
#include "lib/rollup/kahan.h"
#include "lib/rollup/quantile.h"
#include "lib/rollup/window.h"

namespace varve::rollup {
namespace {

double CarefulSum(std::span<const double> values) {
  KahanSum sum;
  for (const double value : values) sum.Add(value);
  return sum.Total();
}

// The mean from the sum; from the first sum that would overflow on, the mean
// is carried instead.
double CarefulAverage(std::span<const double> values) {
  double sum = values[0];
  double mean = 0;
  double compensation = 0;
  bool carry_mean = false;
  double count = 1;
  for (size_t i = 1; i < values.size(); ++i) {
    count = static_cast<double>(i + 1);
    if (!carry_mean) {
      double next = sum;
      double next_compensation = compensation;
      KahanAdd(values[i], next, next_compensation);
      if (!std::isinf(next)) {
        sum = next;
        compensation = next_compensation;
        continue;
      }
      carry_mean = true;
      mean = sum / (count - 1);
      compensation /= count - 1;
    }
    const double weight = (count - 1) / count;
    mean *= weight;
    compensation *= weight;
    KahanAdd(values[i] / count, mean, compensation);
  }
  if (carry_mean) return mean + compensation;
  return sum / count + compensation / count;
}

// The sums or averages of kRuns windows of `count` values.
template <size_t kRuns, bool kAverage>
std::array<double, kRuns> SumsOf(
    const std::array<const double*, kRuns>& windows, size_t count) {
  std::array<double, kRuns> sums = {};
  std::array<double, kRuns> compensations = {};
  std::array<const double*, kRuns> rest = windows;
  for (size_t i = 0; kAverage && i < kRuns; ++i) sums[i] = *rest[i]++;
  const bool finite = KahanAddFinite<kRuns>(rest, count - (kAverage ? 1 : 0),
                                            sums, compensations);
  for (size_t i = 0; i < kRuns; ++i) {
    const std::span<const double> values(windows[i], count);
    if (!finite) {
      sums[i] = kAverage ? CarefulAverage(values) : CarefulSum(values);
    } else if (kAverage) {
      const auto n = static_cast<double>(count);
      sums[i] = sums[i] / n + compensations[i] / n;
    } else {
      sums[i] += compensations[i];
    }
  }
  return sums;
}

// Windows with equally many samples, as most have, two at a time.
template <bool kAverage>
void SumWindows(const Series& series, const Windows& windows,
                std::span<double> out) {
  const double* waiting = nullptr;  // a window whose result is still to come
  size_t waiting_count = 0;
  size_t waiting_step = 0;
  const auto finish = [&] {
    if (waiting == nullptr) return;
    out[waiting_step] = SumsOf<1, kAverage>({waiting}, waiting_count)[0];
    waiting = nullptr;
  };
  SlideWindows(series, windows, out, [&](size_t lo, size_t hi, size_t step) {
    const double* const window = series.values.data() + lo;
    if (waiting != nullptr && waiting_count == hi - lo) {
      const auto both = SumsOf<2, kAverage>({waiting, window}, waiting_count);
      out[waiting_step] = both[0];
      waiting = nullptr;
      return both[1];
    }
    finish();
    waiting = window;
    waiting_count = hi - lo;
    waiting_step = step;
    return 0.0;  // until the next window or the end
  });
  finish();
}

double Variance(std::span<const double> values) {
  double count = 0;
  KahanSum mean, squares;
  for (double value : values) {
    ++count;
    const double delta = value - (mean.sum + mean.compensation);
    mean.Add(delta / count);
    squares.Add(delta * (value - (mean.sum + mean.compensation)));
  }
  return (squares.sum + squares.compensation) / count;
}

double MedianAbsoluteDeviation(std::vector<double>& values) {
  const double median = Quantile(0.5, values);
  for (double& value : values) value = std::fabs(value - median);
  return Quantile(0.5, values);
}

}  // namespace

void ComputeStatistics(Function function, const Series& series,
                       const Windows& windows, const Arguments& arguments,
                       std::span<double> out) {
  if (function == Function::kSum || function == Function::kAvg) {
    return function == Function::kAvg
               ? SumWindows<true>(series, windows, out)
               : SumWindows<false>(series, windows, out);
  }
  std::vector<double> scratch;
  SlideWindows(series, windows, out, [&](size_t lo, size_t hi, size_t step) {
    const std::span<const double> values = series.values.subspan(lo, hi - lo);
    switch (function) {
      case Function::kStddev:
        return std::sqrt(Variance(values));
      case Function::kStdvar:
        return Variance(values);
      case Function::kMad:
        scratch.assign(values.begin(), values.end());
        return MedianAbsoluteDeviation(scratch);
      default:
        scratch.assign(values.begin(), values.end());
        return Quantile(arguments.first[step], scratch);
    }
  });
}

}  // namespace varve::rollup
