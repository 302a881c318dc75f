// Durations: text to milliseconds and back, and those that are expressions.
//
// A duration expression is a tree of NumberLiteral (seconds), UnaryExpr,
// BinaryExpr, ParenExpr and Call nodes; the calls are step(), range(),
// min(a, b) and max(a, b). The parser keeps a tree only where step(), range()
// or a number of steps occurs; all others are folded into milliseconds.
//
// Threads: free functions without state.
// Source:  prometheus/common model/time.go for the text form.
#ifndef VARVE_LIB_PROMQL_DURATION_H_
#define VARVE_LIB_PROMQL_DURATION_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/promql/ast.h"

namespace varve::promql {

// "1h30m", "5m", "1w2d" to milliseconds.
absl::StatusOr<int64_t> ParseDurationMs(std::string_view text);
// "1h30m" and MetricsQL's "1.5h" to seconds, to the millisecond.
absl::StatusOr<double> ParseDurationSeconds(std::string_view text);
// MetricsQL's "5i", "0.5i": how many steps.
absl::StatusOr<double> ParseStepCount(std::string_view text);

// "5m", "1h30m", "0s", "-1m"; years and weeks only where nothing is left.
std::string DurationText(int64_t ms);

// What step() and range() stand for at evaluation.
struct DurationContext {
  int64_t step_ms = 0;   // of the query; 0 for an instant one
  int64_t range_ms = 0;  // end minus start of the query
  // What 1i stands for: the step, of an instant query the default one.
  int64_t unit_step_ms = 300'000;
};

// Milliseconds. InvalidArgument for a division by zero and for values beyond
// int64 nanoseconds. The sign is not judged.
absl::StatusOr<int64_t> DurationMs(const DurationValue& duration,
                                   const DurationContext& context);
absl::StatusOr<double> EvaluateDurationSeconds(const Expr& expr,
                                               const DurationContext& context);
// True when the value depends on the query: step(), range() or 5i occurs.
bool DependsOnQuery(const Expr& expr);

}  // namespace varve::promql

#endif  // VARVE_LIB_PROMQL_DURATION_H_
