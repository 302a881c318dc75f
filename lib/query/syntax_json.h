// A query's syntax tree as JSON, as Prometheus' api/v1/parse_query gives it.
//
// MetricsQL's additions are further members and types: `or_matchers`,
// `keepMetricNames`, `limit`, "shift".
//
// Threads: free functions without state.
// Source:  prometheus/prometheus web/api/v1/translate_ast.go (3.5).
#ifndef VARVE_LIB_QUERY_SYNTAX_JSON_H_
#define VARVE_LIB_QUERY_SYNTAX_JSON_H_

#include <string>

#include "lib/promql/ast.h"

namespace varve::query {

// A duration that is known only at evaluation stands as its text.
void AppendSyntaxJson(std::string& out, const promql::Expr& expr);

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_SYNTAX_JSON_H_
