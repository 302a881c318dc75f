// Means, sums, deviations and quantiles over a window.
#include <cmath>
#include <vector>

#include "lib/rollup/functions.h"
#include "lib/rollup/kahan.h"
#include "lib/rollup/quantile.h"
#include "lib/rollup/window.h"

namespace varve::rollup {
namespace {

double Sum(std::span<const double> values) {
  KahanSum sum;
  sum.Add(values);
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

double Average(std::span<const double> values) {
  double sum = values[0];
  double compensation = 0;
  if (!KahanAddFinite(values.subspan(1), sum, compensation)) {
    return CarefulAverage(values);
  }
  const auto count = static_cast<double>(values.size());
  return sum / count + compensation / count;
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
  std::vector<double> scratch;
  SlideWindows(series, windows, out, [&](size_t lo, size_t hi, size_t step) {
    const std::span<const double> values = series.values.subspan(lo, hi - lo);
    switch (function) {
      case Function::kSum:
        return Sum(values);
      case Function::kAvg:
        return Average(values);
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
