#include "lib/rollup/rollup.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <utility>

#include "lib/rollup/functions.h"
#include "lib/rollup/previous.h"

namespace varve::rollup {
namespace {

constexpr std::array<std::pair<std::string_view, Function>, 72> kNames = {{
    {"rate", Function::kRate},
    {"increase", Function::kIncrease},
    {"delta", Function::kDelta},
    {"irate", Function::kIrate},
    {"idelta", Function::kIdelta},
    {"deriv", Function::kDeriv},
    {"predict_linear", Function::kPredictLinear},
    {"changes", Function::kChanges},
    {"resets", Function::kResets},
    {"avg_over_time", Function::kAvg},
    {"sum_over_time", Function::kSum},
    {"min_over_time", Function::kMin},
    {"max_over_time", Function::kMax},
    {"count_over_time", Function::kCount},
    {"last_over_time", Function::kLast},
    {"first_over_time", Function::kFirst},
    {"present_over_time", Function::kPresent},
    {"stddev_over_time", Function::kStddev},
    {"stdvar_over_time", Function::kStdvar},
    {"quantile_over_time", Function::kQuantile},
    {"mad_over_time", Function::kMad},
    {"double_exponential_smoothing", Function::kDoubleExponentialSmoothing},
    {"ts_of_min_over_time", Function::kTsOfMin},
    {"ts_of_max_over_time", Function::kTsOfMax},
    {"ts_of_last_over_time", Function::kTsOfLast},
    {"ts_of_first_over_time", Function::kTsOfFirst},
    {"default_rollup", Function::kDefault},
    {"increase_pure", Function::kIncreasePure},
    {"increase_prometheus", Function::kIncreasePrometheus},
    {"rate_prometheus", Function::kRatePrometheus},
    {"delta_prometheus", Function::kDeltaPrometheus},
    {"changes_prometheus", Function::kChangesPrometheus},
    {"ascent_over_time", Function::kAscent},
    {"descent_over_time", Function::kDescent},
    {"increases_over_time", Function::kIncreases},
    {"decreases_over_time", Function::kDecreases},
    {"ideriv", Function::kIderiv},
    {"deriv_fast", Function::kDerivFast},
    {"integrate", Function::kIntegrate},
    {"lag", Function::kLag},
    {"lifetime", Function::kLifetime},
    {"scrape_interval", Function::kScrapeInterval},
    {"tlast_change_over_time", Function::kTlastChange},
    {"holt_winters", Function::kHoltWinters},
    {"zscore_over_time", Function::kZscore},
    {"count_gt_over_time", Function::kCountGt},
    {"count_le_over_time", Function::kCountLe},
    {"count_eq_over_time", Function::kCountEq},
    {"count_ne_over_time", Function::kCountNe},
    {"share_gt_over_time", Function::kShareGt},
    {"share_le_over_time", Function::kShareLe},
    {"share_eq_over_time", Function::kShareEq},
    {"sum_gt_over_time", Function::kSumGt},
    {"sum_le_over_time", Function::kSumLe},
    {"sum_eq_over_time", Function::kSumEq},
    {"sum2_over_time", Function::kSum2},
    {"geomean_over_time", Function::kGeomean},
    {"hoeffding_bound_lower", Function::kHoeffdingLower},
    {"hoeffding_bound_upper", Function::kHoeffdingUpper},
    {"mode_over_time", Function::kMode},
    {"median_over_time", Function::kMedian},
    {"range_over_time", Function::kRange},
    {"outlier_iqr_over_time", Function::kOutlierIqr},
    {"distinct_over_time", Function::kDistinct},
    {"rate_over_sum", Function::kRateOverSum},
    {"duration_over_time", Function::kDuration},
    {"stale_samples_over_time", Function::kStaleSamples},
    {"tmin_over_time", Function::kTmin},
    {"tmax_over_time", Function::kTmax},
    {"tfirst_over_time", Function::kTfirst},
    {"tlast_over_time", Function::kTlast},
    {"timestamp_with_name", Function::kTlastWithName},
}};

template <typename Drops>
void DropIf(model::SampleColumns& columns, Drops drops) {
  size_t kept = 0;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (drops(columns.values[i])) continue;
    columns.timestamps_ms[kept] = columns.timestamps_ms[i];
    columns.values[kept] = columns.values[i];
    ++kept;
  }
  columns.timestamps_ms.resize(kept);
  columns.values.resize(kept);
}

// Of the functions of PromQL that do the same on samples without NaNs.
Function PickOf(Function function) {
  switch (function) {
    case Function::kTmin:
      return Function::kTsOfMin;
    case Function::kTmax:
      return Function::kTsOfMax;
    case Function::kTfirst:
      return Function::kTsOfFirst;
    case Function::kTlast:
    case Function::kTlastWithName:
      return Function::kTsOfLast;
    default:
      return function;
  }
}

bool IsExtended(Function function) {
  return function >= Function::kAnchoredRate;
}

bool IsBetween(Function function, Function first, Function last) {
  return function >= first && function <= last;
}

void ComputeMetricsql(Function function, const Series& series,
                      const Windows& windows, const Arguments& arguments,
                      std::span<double> out) {
  if (IsBetween(function, Function::kCountGt, Function::kSumEq)) {
    return ComputeFilter(function, series, windows, arguments, out);
  }
  if (IsBetween(function, Function::kTmin, Function::kTlastWithName)) {
    return ComputePick(PickOf(function), series, windows, out);
  }
  if (function == Function::kMetricsqlDeriv ||
      function == Function::kMetricsqlPredictLinear) {
    return ComputeTrend(function, series, windows, arguments, out);
  }
  if (IsBetween(function, Function::kSum2, Function::kHigh)) {
    return ComputeSpread(function, series, windows, arguments, out);
  }
  return ComputeNeighbours(function, series, windows, arguments, out);
}

}  // namespace

std::optional<Function> FunctionByName(std::string_view name) {
  for (const auto& [known, function] : kNames) {
    if (known == name) return function;
  }
  return std::nullopt;
}

std::string_view NameOf(Function function) {
  for (const auto& [name, known] : kNames) {
    if (known == function) return name;
  }
  return {};
}

bool KeepsName(Function function) {
  return function == Function::kLast || function == Function::kFirst ||
         function == Function::kDefault;
}

bool ReadsStale(Function function) {
  return function == Function::kDefault || function == Function::kTsOfDefault ||
         function == Function::kStaleSamples;
}

bool IsMetricsql(Function function) {
  return function >= Function::kIncreasePure && !IsExtended(function);
}

bool ReadsPrevious(Function function) {
  switch (function) {
    case Function::kIncreasePrometheus:
    case Function::kRatePrometheus:
    case Function::kDeltaPrometheus:
    case Function::kChangesPrometheus:
      return false;
    default:
      return IsBetween(function, Function::kIncreasePure, Function::kZscore) ||
             IsBetween(function, Function::kOpen, Function::kHigh) ||
             IsBetween(function, Function::kMetricsqlRate,
                       Function::kMetricsqlResets);
  }
}

bool ReadsFromStepBefore(Function function) {
  return function == Function::kHoltWinters || function == Function::kZscore;
}

size_t ArgumentCount(Function function) {
  switch (function) {
    case Function::kDoubleExponentialSmoothing:
    case Function::kHoltWinters:
      return 2;
    case Function::kQuantile:
    case Function::kPredictLinear:
    case Function::kMetricsqlPredictLinear:
    case Function::kHoeffdingLower:
    case Function::kHoeffdingUpper:
    case Function::kDuration:
      return 1;
    default:
      return IsBetween(function, Function::kCountGt, Function::kSumEq) ? 1 : 0;
  }
}

int64_t AfterMs(Function function, const Windows& windows) {
  return function >= Function::kSmoothedRate ? windows.previous_ms : 0;
}

bool FitsInterval(Function function) {
  switch (function) {
    case Function::kDefault:
    case Function::kTsOfDefault:
    case Function::kDeriv:
    case Function::kDerivFast:
    case Function::kIderiv:
    case Function::kMetricsqlDeriv:
    case Function::kMetricsqlIrate:
    case Function::kMetricsqlRate:
    case Function::kRateOverSum:
    case Function::kScrapeInterval:
      return true;
    default:
      return false;
  }
}

int64_t BeforeMs(Function function, const Windows& windows) {
  // As far as the longest scrape intervals that are usual.
  constexpr int64_t kReadMs = 300'000;
  if (IsExtended(function)) {
    return function == Function::kSmoothedDefault ? 0 : windows.previous_ms;
  }
  const bool fits = windows.fits_interval && FitsInterval(function);
  if (!fits && !ReadsPrevious(function)) return 0;
  return std::max(kReadMs, windows.previous_ms);
}

Function InMetricsql(Function function) {
  switch (function) {
    case Function::kRate:
      return Function::kMetricsqlRate;
    case Function::kIncrease:
      return Function::kMetricsqlIncrease;
    case Function::kDelta:
      return Function::kMetricsqlDelta;
    case Function::kIdelta:
      return Function::kMetricsqlIdelta;
    case Function::kIrate:
      return Function::kMetricsqlIrate;
    case Function::kChanges:
      return Function::kMetricsqlChanges;
    case Function::kResets:
      return Function::kMetricsqlResets;
    case Function::kDeriv:
      return Function::kMetricsqlDeriv;
    case Function::kPredictLinear:
      return Function::kMetricsqlPredictLinear;
    default:
      return function;
  }
}

bool HasStale(std::span<const double> values) {
  // In blocks without an early end, so that they are vector code.
  constexpr size_t kBlock = 512;
  for (size_t begin = 0; begin < values.size(); begin += kBlock) {
    const size_t end = std::min(begin + kBlock, values.size());
    uint64_t stale = 0;
    for (size_t i = begin; i < end; ++i) {
      stale |= uint64_t{model::IsStaleNan(values[i])};
    }
    if (stale != 0) return true;
  }
  return false;
}

void DropStale(model::SampleColumns& columns) {
  DropIf(columns, model::IsStaleNan);
}

void DropGaps(Function function, model::SampleColumns& columns) {
  if (ReadsStale(function)) return;
  if (IsMetricsql(function)) {
    DropIf(columns, [](double value) { return std::isnan(value); });
  } else if (HasStale(columns.values)) {
    DropStale(columns);
  }
}

void Compute(Function function, const Series& series, const Windows& windows,
             const Arguments& arguments, std::span<double> out) {
  assert(out.size() == windows.count);
  if (IsExtended(function)) {
    return ComputeExtended(function, series, windows, out);
  }
  if (windows.fits_interval && FitsInterval(function)) {
    const Windows own = FitToInterval(series.timestamps_ms, windows);
    return Compute(function, series, own, arguments, out);
  }
  if (IsMetricsql(function)) {
    return ComputeMetricsql(function, series, windows, arguments, out);
  }
  switch (function) {
    case Function::kRate:
    case Function::kIncrease:
    case Function::kDelta:
    case Function::kIrate:
    case Function::kIdelta:
      return ComputeRate(function, series, windows, out);
    case Function::kDeriv:
    case Function::kPredictLinear:
    case Function::kDoubleExponentialSmoothing:
      return ComputeTrend(function, series, windows, arguments, out);
    case Function::kAvg:
    case Function::kSum:
    case Function::kStddev:
    case Function::kStdvar:
    case Function::kQuantile:
    case Function::kMad:
      return ComputeStatistics(function, series, windows, arguments, out);
    default:
      return ComputePick(function, series, windows, out);
  }
}

}  // namespace varve::rollup
