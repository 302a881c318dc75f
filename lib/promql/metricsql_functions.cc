// MetricsQL's own functions. Those that have a row in functions.cc as well
// mean there what Prometheus says.
//
// Source:  VictoriaMetrics docs/MetricsQL.md; whether a name is kept as
//          VictoriaMetrics 1.145 does it.
#include "lib/promql/metricsql_functions.h"

#include <algorithm>

namespace varve::promql {
namespace {

constexpr ValueType kV = ValueType::kVector;
constexpr ValueType kM = ValueType::kMatrix;
constexpr ValueType kS = ValueType::kScalar;
constexpr ValueType kT = ValueType::kString;

using Types = std::span<const ValueType>;

// Argument lists, named by their letters as in functions.cc.
constexpr Types kNone{};
constexpr ValueType kMList[] = {kM};
constexpr ValueType kMSList[] = {kM, kS};
constexpr ValueType kMSSList[] = {kM, kS, kS};
constexpr ValueType kMTList[] = {kM, kT};
constexpr ValueType kSList[] = {kS};
constexpr ValueType kSMList[] = {kS, kM};
constexpr ValueType kSSVList[] = {kS, kS, kV};
constexpr ValueType kSVList[] = {kS, kV};
constexpr ValueType kSVTList[] = {kS, kV, kT};
constexpr ValueType kTList[] = {kT};
constexpr ValueType kTMList[] = {kT, kM};
constexpr ValueType kTSSList[] = {kT, kS, kS};
constexpr ValueType kVList[] = {kV};
constexpr ValueType kVSList[] = {kV, kS};
constexpr ValueType kVSSList[] = {kV, kS, kS};
constexpr ValueType kVTList[] = {kV, kT};
constexpr ValueType kVTTList[] = {kV, kT, kT};
constexpr ValueType kVTTTList[] = {kV, kT, kT, kT};
constexpr ValueType kVVList[] = {kV, kV};

constexpr FunctionInfo Drops(std::string_view name, Types arguments,
                             int variadic = 0, ValueType result = kV) {
  FunctionInfo info{name, arguments, variadic, result};
  info.metricsql = true;
  return info;
}
constexpr FunctionInfo Keeps(std::string_view name, Types arguments,
                             int variadic = 0, Types tail = {}) {
  FunctionInfo info = Drops(name, arguments, variadic);
  info.keeps_name = true;
  info.tail = tail;
  return info;
}

// ("label", phi ..., buckets), where Prometheus has the buckets first.
constexpr FunctionInfo kHistogramQuantiles = [] {
  FunctionInfo info = Drops("histogram_quantiles", kTSSList, -1);
  info.tail = kVList;
  return info;
}();

// Sorted by name.
constexpr FunctionInfo kFunctions[] = {
    Drops("aggr_over_time", kTMList),
    Keeps("alias", kVTList),
    Drops("ascent_over_time", kMList),
    Drops("bitmap_and", kVSList),
    Drops("bitmap_or", kVSList),
    Drops("bitmap_xor", kVSList),
    Keeps("buckets_limit", kSVList),
    Drops("changes_prometheus", kMList),
    Drops("count_eq_over_time", kMSList),
    Drops("count_gt_over_time", kMSList),
    Drops("count_le_over_time", kMSList),
    Drops("count_ne_over_time", kMSList),
    Drops("count_values_over_time", kTMList),
    Drops("decreases_over_time", kMList),
    Drops("delta_prometheus", kMList),
    Drops("deriv_fast", kMList),
    Drops("descent_over_time", kMList),
    Drops("distinct_over_time", kMList),
    Keeps("drop_common_labels", kVVList, -1),
    Keeps("drop_empty_series", kVList),
    Drops("duration_over_time", kMSList),
    Keeps("geomean_over_time", kMList),
    Drops("histogram_over_time", kMList),
    kHistogramQuantiles,
    Drops("histogram_share", kSVTList, 1),
    Keeps("hoeffding_bound_lower", kSMList),
    Keeps("hoeffding_bound_upper", kSMList),
    Keeps("holt_winters", kMSSList),
    Drops("ideriv", kMList),
    Drops("increase_prometheus", kMList),
    Drops("increase_pure", kMList),
    Drops("increases_over_time", kMList),
    Drops("integrate", kMList),
    Keeps("interpolate", kVList),
    Keeps("keep_last_value", kVList),
    Keeps("keep_next_value", kVList),
    Keeps("label_copy", kVTList, -1),
    Keeps("label_del", kVTList, -1),
    Keeps("label_graphite_group", kVSSList, -1),
    Keeps("label_keep", kVTList, -1),
    Keeps("label_lowercase", kVTTList, -1),
    Keeps("label_map", kVTTList, -1),
    Keeps("label_match", kVTTList),
    Keeps("label_mismatch", kVTTList),
    Keeps("label_move", kVTList, -1),
    Keeps("label_set", kVTList, -1),
    Keeps("label_transform", kVTTTList),
    Keeps("label_uppercase", kVTTList, -1),
    Drops("label_value", kVTList),
    Keeps("labels_equal", kVTTTList, -1),
    Drops("lag", kMList),
    Drops("lifetime", kMList),
    Keeps("limit_offset", kSSVList),
    Keeps("median_over_time", kMList),
    Keeps("mode_over_time", kMList),
    Drops("now", kNone, 0, kS),
    Drops("outlier_iqr_over_time", kMList),
    Keeps("prometheus_buckets", kVList),
    Keeps("quantiles_over_time", kTSSList, -1, kMList),
    Drops("rand", kSList, 1, kS),
    Drops("rand_exponential", kSList, 1, kS),
    Drops("rand_normal", kSList, 1, kS),
    Drops("range_avg", kVList),
    Keeps("range_first", kVList),
    Keeps("range_last", kVList),
    Keeps("range_linear_regression", kVList),
    Keeps("range_mad", kVList),
    Drops("range_max", kVList),
    Keeps("range_median", kVList),
    Drops("range_min", kVList),
    Keeps("range_normalize", kVVList, -1),
    Drops("range_over_time", kMList),
    Keeps("range_quantile", kSVList),
    Keeps("range_stddev", kVList),
    Keeps("range_stdvar", kVList),
    Drops("range_sum", kVList),
    Keeps("range_trim_outliers", kSVList),
    Keeps("range_trim_spikes", kSVList),
    Keeps("range_trim_zscore", kSVList),
    Keeps("range_zscore", kVList),
    Drops("rate_over_sum", kMList),
    Drops("rate_prometheus", kMList),
    Keeps("remove_resets", kVList),
    Keeps("rollup", kMTList, 1),
    Keeps("rollup_candlestick", kMTList, 1),
    Drops("rollup_delta", kMTList, 1),
    Drops("rollup_deriv", kMTList, 1),
    Drops("rollup_increase", kMTList, 1),
    Drops("rollup_rate", kMTList, 1),
    Drops("rollup_scrape_interval", kMTList, 1),
    Drops("running_avg", kVList),
    Drops("running_max", kVList),
    Drops("running_min", kVList),
    Drops("running_sum", kVList),
    Drops("scrape_interval", kMList),
    Drops("share_eq_over_time", kMSList),
    Drops("share_gt_over_time", kMSList),
    Drops("share_le_over_time", kMSList),
    Keeps("smooth_exponential", kVSList),
    Keeps("sort_by_label_numeric", kVTTList, -1),
    Keeps("sort_by_label_numeric_desc", kVTTList, -1),
    Drops("stale_samples_over_time", kMList),
    Drops("sum2_over_time", kMList),
    Drops("sum_eq_over_time", kMSList),
    Drops("sum_gt_over_time", kMSList),
    Drops("sum_le_over_time", kMSList),
    Drops("tfirst_over_time", kMList),
    Keeps("timestamp_with_name", kMList),
    Drops("timezone_offset", kTList, 0, kS),
    Drops("tlast_change_over_time", kMList),
    Drops("tlast_over_time", kMList),
    Drops("tmax_over_time", kMList),
    Drops("tmin_over_time", kMList),
    Keeps("union", kVList, -1),
    Drops("zscore_over_time", kMList),
};
static_assert(std::ranges::is_sorted(kFunctions, {}, &FunctionInfo::name));

}  // namespace

const FunctionInfo& MetricsqlHistogramQuantiles() {
  return kHistogramQuantiles;
}

std::span<const FunctionInfo> MetricsqlFunctions() { return kFunctions; }

}  // namespace varve::promql
