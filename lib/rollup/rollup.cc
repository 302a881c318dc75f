#include "lib/rollup/rollup.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "lib/rollup/functions.h"

namespace varve::rollup {
namespace {

constexpr std::array<std::pair<std::string_view, Function>, 27> kNames = {{
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
}};

}  // namespace

std::optional<Function> FunctionByName(std::string_view name) {
  for (const auto& [known, function] : kNames) {
    if (known == name) return function;
  }
  return std::nullopt;
}

bool KeepsName(Function function) {
  return function == Function::kLast || function == Function::kFirst ||
         function == Function::kDefault;
}

bool ReadsStale(Function function) {
  return function == Function::kDefault || function == Function::kTsOfDefault;
}

bool HasStale(std::span<const double> values) {
  return std::any_of(values.begin(), values.end(),
                     [](double value) { return model::IsStaleNan(value); });
}

void DropStale(model::SampleColumns& columns) {
  size_t kept = 0;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (model::IsStaleNan(columns.values[i])) continue;
    columns.timestamps_ms[kept] = columns.timestamps_ms[i];
    columns.values[kept] = columns.values[i];
    ++kept;
  }
  columns.timestamps_ms.resize(kept);
  columns.values.resize(kept);
}

void Compute(Function function, const Series& series, const Windows& windows,
             const Arguments& arguments, std::span<double> out) {
  assert(out.size() == windows.count);
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
