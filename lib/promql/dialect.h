// Which rules a query is read and evaluated by.
//
// Threads: plain values.
#ifndef VARVE_LIB_PROMQL_DIALECT_H_
#define VARVE_LIB_PROMQL_DIALECT_H_

#include <cstdint>

namespace varve::promql {

// MetricsQL's syntax and functions are there in both; kMetricsql changes the
// meaning of what PromQL defines otherwise (docs/compatibility.md).
enum class Dialect : uint8_t { kPromql, kMetricsql };

}  // namespace varve::promql

#endif  // VARVE_LIB_PROMQL_DIALECT_H_
