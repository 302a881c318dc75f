// The functions that only MetricsQL has: a part of FindFunction's table.
//
// Threads: a constant table; read it from anywhere.
#ifndef VARVE_LIB_PROMQL_METRICSQL_FUNCTIONS_H_
#define VARVE_LIB_PROMQL_METRICSQL_FUNCTIONS_H_

#include <span>

#include "lib/promql/functions.h"

namespace varve::promql {

// histogram_quantiles("label", phi ..., buckets); Prometheus has a function of
// that name with the buckets first.
const FunctionInfo& MetricsqlHistogramQuantiles();

// Sorted by name.
std::span<const FunctionInfo> MetricsqlFunctions();

}  // namespace varve::promql

#endif  // VARVE_LIB_PROMQL_METRICSQL_FUNCTIONS_H_
