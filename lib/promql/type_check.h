// Checks the types of a tree and completes its vector matching.
//
// Private to lib/promql.
//
// In:      a tree of the grammar, at most kNestingMax high.
// Out:     set operators are many-to-many; operators with a scalar side have
//          no matching. Where a range vector is wanted and an instant one
//          given, the query's step is the range (MetricsQL). Under the
//          metricsql dialect, and for MetricsQL's own functions, scalars,
//          instant and range vectors become one another.
// Errors:  InvalidArgument with position, in Prometheus' words.
#ifndef VARVE_LIB_PROMQL_TYPE_CHECK_H_
#define VARVE_LIB_PROMQL_TYPE_CHECK_H_

#include <string_view>

#include "absl/status/status.h"
#include "lib/promql/ast.h"
#include "lib/promql/dialect.h"

namespace varve::promql {

absl::Status CheckTypes(std::string_view query, Dialect dialect, ExprPtr& expr);

// True when one of the matchers refuses the empty value: such a selector
// cannot mean every series by accident.
bool HasNonEmptyMatcher(const model::Matchers& matchers);

}  // namespace varve::promql

#endif  // VARVE_LIB_PROMQL_TYPE_CHECK_H_
