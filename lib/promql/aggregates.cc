#include "lib/promql/aggregates.h"

#include <algorithm>

namespace varve::promql {
namespace {

constexpr ValueType kScalarList[] = {ValueType::kScalar};
constexpr ValueType kStringList[] = {ValueType::kString};

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
