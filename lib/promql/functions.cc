#include "lib/promql/functions.h"

#include <algorithm>
#include <array>

#include "lib/promql/metricsql_functions.h"

namespace varve::promql {
namespace {

constexpr ValueType kV = ValueType::kVector;
constexpr ValueType kM = ValueType::kMatrix;
constexpr ValueType kS = ValueType::kScalar;
constexpr ValueType kT = ValueType::kString;

// Argument lists, named by their letters: V instant vector, M range vector
// (matrix), S scalar, T string (text).
constexpr std::span<const ValueType> kNone{};
constexpr ValueType kMList[] = {kM};
constexpr ValueType kMSList[] = {kM, kS};
constexpr ValueType kMSSList[] = {kM, kS, kS};
constexpr ValueType kSList[] = {kS};
constexpr ValueType kSMList[] = {kS, kM};
constexpr ValueType kSSList[] = {kS, kS};
constexpr ValueType kSSVList[] = {kS, kS, kV};
constexpr ValueType kSVList[] = {kS, kV};
constexpr ValueType kVList[] = {kV};
constexpr ValueType kVSList[] = {kV, kS};
constexpr ValueType kVSSList[] = {kV, kS, kS};
constexpr ValueType kVTList[] = {kV, kT};
constexpr ValueType kVTSSList[] = {kV, kT, kS, kS};
constexpr ValueType kVTTTList[] = {kV, kT, kT, kT};
constexpr ValueType kVTTTTList[] = {kV, kT, kT, kT, kT};
constexpr ValueType kVVList[] = {kV, kV};

constexpr FunctionInfo KeepsName(FunctionInfo info) {
  info.keeps_name = true;
  return info;
}

// Sorted by name. The columns are those of FunctionInfo.
constexpr FunctionInfo kFunctions[] = {
    {"abs", kVList, 0, kV},
    {"absent", kVList, 0, kV},
    {"absent_over_time", kMList, 0, kV},
    {"acos", kVList, 0, kV},
    {"acosh", kVList, 0, kV},
    {"asin", kVList, 0, kV},
    {"asinh", kVList, 0, kV},
    {"atan", kVList, 0, kV},
    {"atanh", kVList, 0, kV},
    KeepsName(FunctionInfo{"avg_over_time", kMList, 0, kV}),
    KeepsName(FunctionInfo{"ceil", kVList, 0, kV}),
    {"changes", kMList, 0, kV},
    KeepsName(FunctionInfo{"clamp", kVSSList, 0, kV}),
    KeepsName(FunctionInfo{"clamp_max", kVSList, 0, kV}),
    KeepsName(FunctionInfo{"clamp_min", kVSList, 0, kV}),
    {"cos", kVList, 0, kV},
    {"cosh", kVList, 0, kV},
    {"count_over_time", kMList, 0, kV},
    {"day_of_month", kVList, 1, kV},
    {"day_of_week", kVList, 1, kV},
    {"day_of_year", kVList, 1, kV},
    {"days_in_month", kVList, 1, kV},
    KeepsName(FunctionInfo{"default_rollup", kMList, 0, kV, false, true}),
    {"deg", kVList, 0, kV},
    {"delta", kMList, 0, kV},
    {"deriv", kMList, 0, kV},
    KeepsName(
        FunctionInfo{"double_exponential_smoothing", kMSSList, 0, kV, true}),
    {"end", kNone, 0, kS, true},
    {"exp", kVList, 0, kV},
    KeepsName(FunctionInfo{"first_over_time", kMList, 0, kV, true}),
    KeepsName(FunctionInfo{"floor", kVList, 0, kV}),
    {"histogram_avg", kVList, 0, kV},
    {"histogram_count", kVList, 0, kV},
    {"histogram_fraction", kSSVList, 0, kV},
    {"histogram_quantile", kSVList, 0, kV},
    {"histogram_quantiles", kVTSSList, 9, kV, true},
    {"histogram_stddev", kVList, 0, kV},
    {"histogram_stdvar", kVList, 0, kV},
    {"histogram_sum", kVList, 0, kV},
    {"hour", kVList, 1, kV},
    {"idelta", kMList, 0, kV},
    {"increase", kMList, 0, kV},
    {"info", kVVList, 1, kV, true},
    {"irate", kMList, 0, kV},
    {"label_join", kVTTTList, -1, kV},
    {"label_replace", kVTTTTList, 0, kV},
    KeepsName(FunctionInfo{"last_over_time", kMList, 0, kV}),
    {"ln", kVList, 0, kV},
    {"log10", kVList, 0, kV},
    {"log2", kVList, 0, kV},
    {"mad_over_time", kMList, 0, kV, true},
    {"max_of", kSSList, 0, kS, true},
    KeepsName(FunctionInfo{"max_over_time", kMList, 0, kV}),
    {"min_of", kSSList, 0, kS, true},
    KeepsName(FunctionInfo{"min_over_time", kMList, 0, kV}),
    {"minute", kVList, 1, kV},
    {"month", kVList, 1, kV},
    {"pi", kNone, 0, kS},
    KeepsName(FunctionInfo{"predict_linear", kMSList, 0, kV}),
    {"present_over_time", kMList, 0, kV},
    KeepsName(FunctionInfo{"quantile_over_time", kSMList, 0, kV}),
    {"rad", kVList, 0, kV},
    {"range", kNone, 0, kS, true},
    {"rate", kMList, 0, kV},
    {"resets", kMList, 0, kV},
    KeepsName(FunctionInfo{"round", kVSList, 1, kV}),
    {"scalar", kVList, 0, kS},
    {"sgn", kVList, 0, kV},
    {"sin", kVList, 0, kV},
    {"sinh", kVList, 0, kV},
    {"sort", kVList, 0, kV},
    {"sort_by_label", kVTList, -1, kV, true},
    {"sort_by_label_desc", kVTList, -1, kV, true},
    {"sort_desc", kVList, 0, kV},
    {"sqrt", kVList, 0, kV},
    {"start", kNone, 0, kS, true},
    {"start_timestamp", kVList, 0, kV, true},
    {"stddev_over_time", kMList, 0, kV},
    {"stdvar_over_time", kMList, 0, kV},
    {"step", kNone, 0, kS, true},
    {"sum_over_time", kMList, 0, kV},
    {"tan", kVList, 0, kV},
    {"tanh", kVList, 0, kV},
    {"time", kNone, 0, kS},
    {"timestamp", kVList, 0, kV},
    {"ts_of_first_over_time", kMList, 0, kV, true},
    {"ts_of_last_over_time", kMList, 0, kV, true},
    {"ts_of_max_over_time", kMList, 0, kV, true},
    {"ts_of_min_over_time", kMList, 0, kV, true},
    {"vector", kSList, 0, kV},
    {"year", kVList, 1, kV},
};
static_assert(std::ranges::is_sorted(kFunctions, {}, &FunctionInfo::name));

const FunctionInfo* FindIn(std::span<const FunctionInfo> functions,
                           std::string_view name) {
  const auto found =
      std::ranges::lower_bound(functions, name, {}, &FunctionInfo::name);
  return found == functions.end() || found->name != name ? nullptr : &*found;
}

}  // namespace

std::span<const FunctionInfo> PrometheusFunctions() { return kFunctions; }

const FunctionInfo* FindFunction(std::string_view name) {
  const FunctionInfo* found = FindIn(kFunctions, name);
  return found != nullptr ? found : FindIn(MetricsqlFunctions(), name);
}

ValueType FunctionInfo::ArgumentType(size_t i, size_t count) const {
  if (i + tail.size() >= count && !tail.empty()) {
    return tail[std::min(i + tail.size() - count, tail.size() - 1)];
  }
  return arguments[std::min(i, arguments.size() - 1)];
}

std::string_view TypeText(ValueType type) {
  switch (type) {
    case ValueType::kScalar:
      return "scalar";
    case ValueType::kString:
      return "string";
    case ValueType::kVector:
      return "instant vector";
    case ValueType::kMatrix:
      return "range vector";
  }
  return "none";
}

}  // namespace varve::promql
