// The functions of the language: names, argument types, results.
//
// All of Prometheus' functions, the experimental ones included, and
// MetricsQL's own.
//
// Threads: a constant table; read it from anywhere.
// Source:  prometheus/prometheus docs/querying/functions.md.
#ifndef VARVE_LIB_PROMQL_FUNCTIONS_H_
#define VARVE_LIB_PROMQL_FUNCTIONS_H_

#include <span>
#include <string_view>

#include "lib/promql/ast.h"

namespace varve::promql {

struct FunctionInfo {
  std::string_view name;
  std::span<const ValueType> arguments;
  // 0: exactly `arguments`. Above 0: the last one may be left out, and up to
  // `variadic` of its type may stand in its place. -1: any number of them.
  int variadic = 0;
  ValueType result = ValueType::kVector;
  bool experimental = false;
  // The range vector argument may be an instant selector as well; its range
  // is then the lookback.
  bool takes_instant_selector = false;
  // MetricsQL's own: scalars and vectors stand for one another in its
  // arguments.
  bool metricsql = false;
  // MetricsQL keeps the metric's name in its results: of its own functions
  // always, of Prometheus' under the metricsql dialect.
  bool keeps_name = false;
  // Arguments after the variadic ones: quantiles_over_time's range vector.
  std::span<const ValueType> tail = {};

  // The type of argument `i` of `count`.
  ValueType ArgumentType(size_t i, size_t count) const;
};

// Prometheus' functions, sorted by name; MetricsQL's are
// metricsql_functions.h's.
std::span<const FunctionInfo> PrometheusFunctions();
// Null when there is no such function. Names are case-sensitive.
const FunctionInfo* FindFunction(std::string_view name);

// "instant vector", "range vector", "scalar", "string": the words of errors.
std::string_view TypeText(ValueType type);

}  // namespace varve::promql

#endif  // VARVE_LIB_PROMQL_FUNCTIONS_H_
