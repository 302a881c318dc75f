// The aggregations of the language: names and what they take.
//
// Written name(parameters…, vectors…, tail): Prometheus' take at most one
// parameter and one vector.
//
// Threads: a constant table; read it from anywhere.
#ifndef VARVE_LIB_PROMQL_AGGREGATES_H_
#define VARVE_LIB_PROMQL_AGGREGATES_H_

#include <span>
#include <string_view>

#include "lib/promql/ast.h"

namespace varve::promql {

struct AggregateInfo {
  std::string_view name;
  AggregateOp op;
  // Types of the parameters before the vector; all are needed.
  std::span<const ValueType> parameters;
  // The last parameter may stand any number of times, once at least.
  bool repeats = false;
  // One more string may stand after the vector.
  bool has_tail = false;
  // MetricsQL's own: scalars and vectors stand for one another.
  bool metricsql = false;
};

// Null when there is none. `name` in any case.
const AggregateInfo* FindAggregate(std::string_view name);
const AggregateInfo& InfoOf(AggregateOp op);
std::span<const AggregateInfo> AllAggregates();

}  // namespace varve::promql

#endif  // VARVE_LIB_PROMQL_AGGREGATES_H_
