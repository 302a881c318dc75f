// Which expressions give the same value at a step whatever range the step is
// asked in, from samples that are not younger than the step.
//
// Threads: free functions without state.
#ifndef VARVE_LIB_QUERY_CACHEABLE_H_
#define VARVE_LIB_QUERY_CACHEABLE_H_

#include "lib/promql/ast.h"

namespace varve::query {

bool IsCacheable(const promql::Expr& expr);

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_CACHEABLE_H_
