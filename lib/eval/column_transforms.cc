#include "lib/eval/column_transforms.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "lib/rollup/counter_resets.h"
#include "lib/rollup/quantile.h"

namespace varve::eval {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

using Column = std::span<double>;
using Scalar = std::span<const double>;

std::vector<double> PointsOf(Column column) {
  std::vector<double> points;
  for (double value : column) {
    if (!std::isnan(value)) points.push_back(value);
  }
  return points;
}

// The rest of the column from its first point on.
Column FromFirstPoint(Column column) {
  size_t first = 0;
  while (first < column.size() && std::isnan(column[first])) ++first;
  return column.subspan(first);
}

void Fill(Column column, double value) {
  std::fill(column.begin(), column.end(), value);
}

// `join(result, value, count)` with the points so far, the new one included.
template <typename Join>
void Running(Column column, Join join) {
  double result = kNan;
  double count = 0;
  for (double& value : FromFirstPoint(column)) {
    if (!std::isnan(value)) {
      ++count;
      result = count == 1 ? value : join(result, value, count);
    }
    value = result;
  }
}

void RunningSum(Column column, Scalar) {
  Running(column, [](double a, double b, double) { return a + b; });
}
void RunningAvg(Column column, Scalar) {
  Running(column, [](double a, double b, double n) { return a + (b - a) / n; });
}
void RunningMin(Column column, Scalar) {
  Running(column, [](double a, double b, double) { return std::min(a, b); });
}
void RunningMax(Column column, Scalar) {
  Running(column, [](double a, double b, double) { return std::max(a, b); });
}

void RangeFirst(Column column, Scalar) {
  const Column points = FromFirstPoint(column);
  if (!points.empty()) Fill(column, points.front());
}
void RangeLast(Column column, Scalar) {
  for (size_t i = column.size(); i-- > 0;) {
    if (!std::isnan(column[i])) return Fill(column, column[i]);
  }
}

// What the running function has come to at the end, at all steps.
template <ColumnTransform kRunning>
void RangeOf(Column column, Scalar scalar) {
  kRunning(column, scalar);
  RangeLast(column, scalar);
}

double Quantile(double phi, std::vector<double> points) {
  return rollup::Quantile(phi, points);
}

void RangeQuantile(Column column, Scalar phi) {
  Fill(column, Quantile(phi[0], PointsOf(column)));
}
void RangeMedian(Column column, Scalar) {
  Fill(column, Quantile(0.5, PointsOf(column)));
}

double MedianAbsoluteDeviation(std::vector<double> points) {
  const double median = Quantile(0.5, points);
  for (double& point : points) point = std::fabs(point - median);
  return Quantile(0.5, std::move(points));
}
void RangeMad(Column column, Scalar) {
  Fill(column, MedianAbsoluteDeviation(PointsOf(column)));
}

struct Moments {
  double mean = kNan;
  double variance = kNan;
};
Moments MomentsOf(Column column) {
  double mean = 0, squares = 0, count = 0;
  for (double value : column) {
    if (std::isnan(value)) continue;
    ++count;
    const double delta = value - mean;
    mean += delta / count;
    squares += delta * (value - mean);
  }
  if (count == 0) return {};
  return {mean, squares / count};
}

void RangeStdvar(Column column, Scalar) {
  Fill(column, MomentsOf(column).variance);
}
void RangeStddev(Column column, Scalar) {
  Fill(column, std::sqrt(MomentsOf(column).variance));
}
void RangeZscore(Column column, Scalar) {
  const Moments moments = MomentsOf(column);
  const double deviation = std::sqrt(moments.variance);
  for (double& value : column) value = (value - moments.mean) / deviation;
}

void RangeNormalize(Column column, Scalar) {
  const std::vector<double> points = PointsOf(column);
  if (points.empty()) return;
  const auto [min, max] = std::minmax_element(points.begin(), points.end());
  const double low = *min;
  const double range = *max - low;
  for (double& value : column) value = (value - low) / range;
}

// The least-squares line through the points; steps are equally far apart.
void RangeLinearRegression(Column column, Scalar) {
  double n = 0, x_mean = 0, y_mean = 0, xy = 0, xx = 0;
  for (size_t i = 0; i < column.size(); ++i) {
    if (std::isnan(column[i])) continue;
    const double x = static_cast<double>(i);
    ++n;
    const double dx = x - x_mean;
    x_mean += dx / n;
    y_mean += (column[i] - y_mean) / n;
    xx += dx * (x - x_mean);
    xy += dx * (column[i] - y_mean);
  }
  if (n == 0) return;
  const double slope = xx == 0 ? 0 : xy / xx;
  for (size_t i = 0; i < column.size(); ++i) {
    column[i] = y_mean + slope * (static_cast<double>(i) - x_mean);
  }
}

// Removes what `drops`.
template <typename Drops>
void Trim(Column column, Drops drops) {
  for (double& value : column) {
    if (drops(value)) value = kNan;
  }
}

void RangeTrimOutliers(Column column, Scalar k) {
  const std::vector<double> points = PointsOf(column);
  const double farthest = k[0] * MedianAbsoluteDeviation(points);
  const double median = Quantile(0.5, points);
  Trim(column, [=](double v) { return std::fabs(v - median) > farthest; });
}
void RangeTrimZscore(Column column, Scalar z) {
  const Moments moments = MomentsOf(column);
  const double deviation = std::sqrt(moments.variance);
  const double most = std::fabs(z[0]);
  Trim(column, [=](double v) {
    return std::fabs(v - moments.mean) / deviation > most;
  });
}
// Half of the share is dropped at each end.
void RangeTrimSpikes(Column column, Scalar phi) {
  const std::vector<double> points = PointsOf(column);
  const double high = Quantile(1 - phi[0] / 2, points);
  const double low = Quantile(phi[0] / 2, points);
  Trim(column, [=](double v) { return v > high || v < low; });
}

void KeepLastValue(Column column, Scalar) {
  double last = kNan;
  for (double& value : column) {
    if (std::isnan(value)) value = last;
    last = value;
  }
}
void KeepNextValue(Column column, Scalar) {
  double next = kNan;
  for (size_t i = column.size(); i-- > 0;) {
    if (std::isnan(column[i])) column[i] = next;
    next = column[i];
  }
}

void Interpolate(Column column, Scalar) {
  size_t from = column.size();  // the last point seen
  for (size_t i = 0; i < column.size(); ++i) {
    if (std::isnan(column[i])) continue;
    if (from < column.size()) {
      const double slope =
          (column[i] - column[from]) / static_cast<double>(i - from);
      for (size_t gap = from + 1; gap < i; ++gap) {
        column[gap] = column[from] + slope * static_cast<double>(gap - from);
      }
    }
    from = i;
  }
}

void RemoveResets(Column column, Scalar) { rollup::RemoveResets(column); }

// An infinite point takes the average so far; one before all others stays.
void SmoothExponential(Column column, Scalar factors) {
  double average = kNan;
  for (size_t i = 0; i < column.size(); ++i) {
    double& value = column[i];
    if (std::isnan(value)) continue;
    if (std::isnan(average)) {
      if (!std::isinf(value)) average = value;
      continue;
    }
    if (!std::isinf(value)) {
      const double factor =
          std::isnan(factors[i]) ? 1 : std::clamp(factors[i], 0.0, 1.0);
      average = average * (1 - factor) + value * factor;
    }
    value = average;
  }
}

// Sorted by name.
constexpr ColumnTransformInfo kTransforms[] = {
    {"interpolate", Interpolate},
    {"keep_last_value", KeepLastValue},
    {"keep_next_value", KeepNextValue},
    {"range_avg", RangeOf<RunningAvg>},
    {"range_first", RangeFirst},
    {"range_last", RangeLast},
    {"range_linear_regression", RangeLinearRegression},
    {"range_mad", RangeMad},
    {"range_max", RangeOf<RunningMax>},
    {"range_median", RangeMedian},
    {"range_min", RangeOf<RunningMin>},
    {"range_normalize", RangeNormalize},
    {"range_quantile", RangeQuantile, 0},
    {"range_stddev", RangeStddev},
    {"range_stdvar", RangeStdvar},
    {"range_sum", RangeOf<RunningSum>},
    {"range_trim_outliers", RangeTrimOutliers, 0},
    {"range_trim_spikes", RangeTrimSpikes, 0},
    {"range_trim_zscore", RangeTrimZscore, 0},
    {"range_zscore", RangeZscore},
    {"remove_resets", RemoveResets},
    {"running_avg", RunningAvg},
    {"running_max", RunningMax},
    {"running_min", RunningMin},
    {"running_sum", RunningSum},
    {"smooth_exponential", SmoothExponential, 1},
};
static_assert(std::ranges::is_sorted(kTransforms, {},
                                     &ColumnTransformInfo::name));

}  // namespace

const ColumnTransformInfo* FindColumnTransform(std::string_view name) {
  const auto* found = std::ranges::lower_bound(kTransforms, name, {},
                                               &ColumnTransformInfo::name);
  return found == std::end(kTransforms) || found->name != name ? nullptr
                                                               : found;
}

}  // namespace varve::eval
