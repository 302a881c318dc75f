// Text of a PromQL or MetricsQL query to a checked syntax tree.
//
// In:      UTF-8 text of any size; callers cap it (-search.maxQueryLen).
// Out:     a tree whose types are checked: the arguments of functions,
//          operators and aggregations have the types Prometheus demands, or
//          under the metricsql dialect are made to have them. WITH templates
//          are expanded.
// Errors:  InvalidArgument "<line>:<column>: parse error: <what>", with
//          Prometheus' words where its test suite checks them. Nesting over
//          1,000 levels is refused, so that no query overflows the stack.
// Threads: free functions without state.
// Source:  prometheus/prometheus promql/parser (3.5), docs/querying/basics.md.
#ifndef VARVE_LIB_PROMQL_PARSER_H_
#define VARVE_LIB_PROMQL_PARSER_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/promql/ast.h"
#include "lib/promql/dialect.h"

namespace varve::promql {

absl::StatusOr<ExprPtr> ParseExpr(std::string_view text,
                                  Dialect dialect = Dialect::kPromql);

// A bare selector such as `up{job="x"}` for match[] arguments; at least one
// matcher must not match the empty string unless `allow_match_all`.
absl::StatusOr<model::Matchers> ParseSelector(std::string_view text,
                                              bool allow_match_all = false);
// The same with MetricsQL's `or`: series match when they match one group.
absl::StatusOr<std::vector<model::Matchers>> ParseSelectorGroups(
    std::string_view text, bool allow_match_all = false);

}  // namespace varve::promql

#endif  // VARVE_LIB_PROMQL_PARSER_H_
