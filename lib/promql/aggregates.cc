#include "lib/promql/aggregates.h"

#include <algorithm>

namespace varve::promql {
namespace {

constexpr ValueType kScalarList[] = {ValueType::kScalar};
constexpr ValueType kStringList[] = {ValueType::kString};
constexpr ValueType kStringScalarList[] = {ValueType::kString,
                                           ValueType::kScalar};

constexpr AggregateInfo Metricsql(std::string_view name, AggregateOp op,
                                  std::span<const ValueType> parameters = {}) {
  AggregateInfo info{name, op, parameters};
  info.metricsql = true;
  return info;
}
// topk_max(k, q) or topk_max(k, q, "label=of the rest").
constexpr AggregateInfo Ranking(std::string_view name, AggregateOp op) {
  AggregateInfo info = Metricsql(name, op, kScalarList);
  info.has_tail = true;
  return info;
}

// In the order of AggregateOp.
constexpr AggregateInfo kAggregates[] = {
    {"sum", AggregateOp::kSum, {}},
    {"avg", AggregateOp::kAvg, {}},
    {"min", AggregateOp::kMin, {}},
    {"max", AggregateOp::kMax, {}},
    {"count", AggregateOp::kCount, {}},
    {"group", AggregateOp::kGroup, {}},
    {"stddev", AggregateOp::kStddev, {}},
    {"stdvar", AggregateOp::kStdvar, {}},
    {"topk", AggregateOp::kTopk, kScalarList},
    {"bottomk", AggregateOp::kBottomk, kScalarList},
    {"quantile", AggregateOp::kQuantile, kScalarList},
    {"count_values", AggregateOp::kCountValues, kStringList},
    {"limitk", AggregateOp::kLimitk, kScalarList},
    {"limit_ratio", AggregateOp::kLimitRatio, kScalarList},
    Metricsql("median", AggregateOp::kMedian),
    Metricsql("mode", AggregateOp::kMode),
    Metricsql("geomean", AggregateOp::kGeomean),
    Metricsql("sum2", AggregateOp::kSum2),
    Metricsql("distinct", AggregateOp::kDistinct),
    Metricsql("mad", AggregateOp::kMad),
    {"quantiles", AggregateOp::kQuantiles, kStringScalarList,
     /*repeats=*/true, /*has_tail=*/false, /*metricsql=*/true},
    Metricsql("histogram", AggregateOp::kHistogram),
    Metricsql("any", AggregateOp::kAny),
    Metricsql("share", AggregateOp::kShare),
    Metricsql("zscore", AggregateOp::kZscore),
    Metricsql("outliers_iqr", AggregateOp::kOutliersIqr),
    Metricsql("outliers_mad", AggregateOp::kOutliersMad, kScalarList),
    Metricsql("outliersk", AggregateOp::kOutliersk, kScalarList),
    Ranking("topk_min", AggregateOp::kTopkMin),
    Ranking("topk_max", AggregateOp::kTopkMax),
    Ranking("topk_avg", AggregateOp::kTopkAvg),
    Ranking("topk_last", AggregateOp::kTopkLast),
    Ranking("topk_median", AggregateOp::kTopkMedian),
    Ranking("bottomk_min", AggregateOp::kBottomkMin),
    Ranking("bottomk_max", AggregateOp::kBottomkMax),
    Ranking("bottomk_avg", AggregateOp::kBottomkAvg),
    Ranking("bottomk_last", AggregateOp::kBottomkLast),
    Ranking("bottomk_median", AggregateOp::kBottomkMedian),
};

constexpr bool InOrder() {
  for (size_t i = 0; i < std::size(kAggregates); ++i) {
    if (static_cast<size_t>(kAggregates[i].op) != i) return false;
  }
  return true;
}
static_assert(InOrder());

char Lower(char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; }

}  // namespace

const AggregateInfo* FindAggregate(std::string_view name) {
  for (const AggregateInfo& info : kAggregates) {
    if (std::ranges::equal(name, info.name, {}, Lower)) return &info;
  }
  return nullptr;
}

const AggregateInfo& InfoOf(AggregateOp op) {
  return kAggregates[static_cast<size_t>(op)];
}

std::span<const AggregateInfo> AllAggregates() { return kAggregates; }

}  // namespace varve::promql
