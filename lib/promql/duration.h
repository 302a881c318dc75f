// Durations: text to milliseconds and back, and those that are expressions.
//
// A duration expression is a tree of NumberLiteral (seconds), UnaryExpr,
// BinaryExpr, ParenExpr and Call nodes; the calls are step(), range(),
// min(a, b) and max(a, b). The parser keeps a tree only where step() or
// range() occurs; all others are folded into milliseconds.
//
// Threads: free functions without state.
// Source:  prometheus/common model/time.go for the text form.
#ifndef VARVE_LIB_PROMQL_DURATION_H_
#define VARVE_LIB_PROMQL_DURATION_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "lib/promql/ast.h"

namespace varve::promql {

// "5m", "1h30m", "0s", "-1m"; years and weeks only where nothing is left.
std::string DurationText(int64_t ms);

// What step() and range() stand for at evaluation.
struct DurationContext {
  int64_t step_ms = 0;   // of the query; 0 for an instant one
  int64_t range_ms = 0;  // end minus start of the query
};

// Milliseconds. InvalidArgument for a division by zero and for values beyond
// int64 nanoseconds. The sign is not judged.
absl::StatusOr<int64_t> DurationMs(const DurationValue& duration,
                                   const DurationContext& context);
absl::StatusOr<double> EvaluateDurationSeconds(const Expr& expr,
                                               const DurationContext& context);
// True when the value depends on the query: step() or range() occurs.
bool DependsOnQuery(const Expr& expr);

}  // namespace varve::promql

#endif  // VARVE_LIB_PROMQL_DURATION_H_
