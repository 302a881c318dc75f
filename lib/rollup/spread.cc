// MetricsQL's functions of a window's values: squares, means, spread, modes.
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "lib/rollup/functions.h"
#include "lib/rollup/kahan.h"
#include "lib/rollup/mode.h"
#include "lib/rollup/quantile.h"
#include "lib/rollup/window.h"

namespace varve::rollup {
namespace {

double SquareSum(std::span<const double> values) {
  KahanSum sum;
  for (double value : values) sum.Add(value * value);
  return sum.Total();
}

double Sum(std::span<const double> values) {
  KahanSum sum;
  sum.Add(values);
  return sum.Total();
}

double GeometricMean(std::span<const double> values) {
  double product = 1;
  for (double value : values) product *= value;
  return std::pow(product, 1 / static_cast<double>(values.size()));
}

double Range(std::span<const double> values) {
  const auto [min, max] = std::minmax_element(values.begin(), values.end());
  return *max - *min;
}

// How far the mean may be from the expected value with probability `phi`
// (Hoeffding, "Probability inequalities for sums of bounded random variables",
// 1963).
double HoeffdingBound(std::span<const double> values, double phi) {
  const double range = Range(values);
  if (values.size() < 2 || range <= 0 || !(phi > 0)) return 0;
  if (phi >= 1) return std::numeric_limits<double>::infinity();
  return range * std::sqrt(std::log(1 / (1 - phi)) /
                           (2 * static_cast<double>(values.size())));
}

// The last value if it is an outlier by Tukey's fences.
double OutlierIqr(std::span<const double> values,
                  std::vector<double>& scratch) {
  if (values.size() < 2) return model::StaleNan();
  scratch.assign(values.begin(), values.end());
  const double q25 = Quantile(0.25, scratch);
  const double q75 = Quantile(0.75, scratch);
  const double fence = 1.5 * (q75 - q25);
  const double last = values.back();
  return last > q75 + fence || last < q25 - fence ? last : model::StaleNan();
}

double Distinct(std::span<const double> values, std::vector<double>& scratch) {
  scratch.assign(values.begin(), values.end());
  std::sort(scratch.begin(), scratch.end());
  return static_cast<double>(std::unique(scratch.begin(), scratch.end()) -
                             scratch.begin());
}

// Seconds between neighbours that are at most `longest_s` apart.
double Duration(std::span<const int64_t> ts_ms, double longest_s) {
  int64_t sum_ms = 0;
  for (size_t i = 1; i < ts_ms.size(); ++i) {
    const int64_t apart_ms = ts_ms[i] - ts_ms[i - 1];
    if (static_cast<double>(apart_ms) <= longest_s * 1000) sum_ms += apart_ms;
  }
  return static_cast<double>(sum_ms) / 1000;
}

double StaleSamples(std::span<const double> values) {
  return static_cast<double>(
      std::count_if(values.begin(), values.end(), model::IsStaleNan));
}

double Candle(Function function, std::span<const double> values) {
  switch (function) {
    case Function::kOpen:
      return values.front();
    case Function::kClose:
      return values.back();
    case Function::kLow:
      return *std::min_element(values.begin(), values.end());
    default:
      return *std::max_element(values.begin(), values.end());
  }
}

double Bound(Function function, std::span<const double> values, double phi) {
  const double mean = Sum(values) / static_cast<double>(values.size());
  const double bound = HoeffdingBound(values, phi);
  return function == Function::kHoeffdingLower ? mean - bound : mean + bound;
}

bool IsCandle(Function function) {
  return function >= Function::kOpen && function <= Function::kHigh;
}

double At(Function function, const Series& window, double range_s,
          double argument, std::vector<double>& scratch) {
  const std::span<const double> values = window.values;
  switch (function) {
    case Function::kSum2:
      return SquareSum(values);
    case Function::kGeomean:
      return GeometricMean(values);
    case Function::kHoeffdingLower:
    case Function::kHoeffdingUpper:
      return Bound(function, values, argument);
    case Function::kMode:
      scratch.assign(values.begin(), values.end());
      return Mode(scratch);
    case Function::kMedian:
      scratch.assign(values.begin(), values.end());
      return Quantile(0.5, scratch);
    case Function::kRange:
      return Range(values);
    case Function::kOutlierIqr:
      return OutlierIqr(values, scratch);
    case Function::kDistinct:
      return Distinct(values, scratch);
    case Function::kRateOverSum:
      return Sum(values) / range_s;
    case Function::kDuration:
      return Duration(window.timestamps_ms, argument);
    case Function::kStaleSamples:
      return StaleSamples(values);
    default:
      return Candle(function, values);
  }
}

}  // namespace

void ComputeSpread(Function function, const Series& series,
                   const Windows& windows, const Arguments& arguments,
                   std::span<double> out) {
  Windows shifted = windows;
  if (IsCandle(function)) --shifted.first_end_ms;  // [begin, end)
  const double range_s = static_cast<double>(windows.range_ms) / 1000;
  std::vector<double> scratch;
  SlideWindows(series, shifted, out, [&](size_t lo, size_t hi, size_t step) {
    const Series window{series.timestamps_ms.subspan(lo, hi - lo),
                        series.values.subspan(lo, hi - lo)};
    const double argument = arguments.first.empty() ? 0 : arguments.first[step];
    return At(function, window, range_s, argument, scratch);
  });
}

}  // namespace varve::rollup
