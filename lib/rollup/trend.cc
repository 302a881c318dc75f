// Linear regression and smoothing.
#include <cmath>

#include "lib/rollup/functions.h"
#include "lib/rollup/kahan.h"
#include "lib/rollup/window.h"

namespace varve::rollup {
namespace {

struct Line {
  double slope = 0;
  double intercept = 0;  // the line's value at `origin_ms`
};

Line LeastSquares(const Series& series, size_t lo, size_t hi,
                  int64_t origin_ms) {
  KahanSum x_sum, y_sum, xy_sum, xx_sum;
  const double first = series.values[lo];
  bool constant = true;
  for (size_t i = lo; i < hi; ++i) {
    const double y = series.values[i];
    if (i > lo && y != first) constant = false;
    const double x =
        static_cast<double>(series.timestamps_ms[i] - origin_ms) / 1e3;
    x_sum.Add(x);
    y_sum.Add(y);
    xy_sum.Add(x * y);
    xx_sum.Add(x * x);
  }
  if (constant) {
    if (std::isinf(first)) return {model::NormalNan(), model::NormalNan()};
    return {0, first};
  }
  const double n = static_cast<double>(hi - lo);
  const double x = x_sum.sum + x_sum.compensation;
  const double y = y_sum.sum + y_sum.compensation;
  const double xy = xy_sum.sum + xy_sum.compensation;
  const double xx = xx_sum.sum + xx_sum.compensation;
  const double covariance = xy - x * y / n;
  const double variance = xx - x * x / n;
  const double slope = covariance / variance;
  return {slope, y / n - slope * x / n};
}

// Holt's linear method; the first value and difference start it.
double Smooth(std::span<const double> values, double smoothing, double trend) {
  double before = 0;
  double level = values[0];
  double slope = values[1] - values[0];
  for (size_t i = 1; i < values.size(); ++i) {
    const double scaled = smoothing * values[i];
    if (i > 1) slope = trend * (level - before) + (1 - trend) * slope;
    const double predicted = (1 - smoothing) * (level + slope);
    before = level;
    level = scaled + predicted;
  }
  return level;
}

}  // namespace

void ComputeTrend(Function function, const Series& series,
                  const Windows& windows, const Arguments& arguments,
                  std::span<double> out) {
  const bool derives = function == Function::kDeriv ||
                       function == Function::kMetricsqlDeriv;
  const bool predicts = function == Function::kPredictLinear ||
                        function == Function::kMetricsqlPredictLinear;
  const size_t samples_min = IsMetricsql(function) ? 1 : 2;
  SlideWindows(series, windows, out, [&](size_t lo, size_t hi, size_t step) {
    if (hi - lo < samples_min) return model::StaleNan();
    if (derives) {
      return LeastSquares(series, lo, hi, series.timestamps_ms[lo]).slope;
    }
    if (predicts) {
      const int64_t origin_ms =
          windows.first_eval_ms +
          static_cast<int64_t>(step) * windows.eval_step_ms;
      const Line line = LeastSquares(series, lo, hi, origin_ms);
      return line.slope * arguments.first[step] + line.intercept;
    }
    return Smooth(series.values.subspan(lo, hi - lo), arguments.first[step],
                  arguments.second[step]);
  });
}

}  // namespace varve::rollup
