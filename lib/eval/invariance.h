// Which expressions have the same value whenever they are evaluated.
//
// Those are pinned by @, or constants; a query evaluates them once. Functions
// that look at the moment of evaluation (time, predict_linear) or at the
// timestamps of samples (timestamp) are never among them.
//
// Threads: the cache belongs to one query.
// Source:  prometheus/prometheus promql/engine.go, preprocessExprHelper (3.5);
//          unlike there, the parameter of an aggregation counts as well.
#ifndef VARVE_LIB_EVAL_INVARIANCE_H_
#define VARVE_LIB_EVAL_INVARIANCE_H_

#include "absl/container/flat_hash_map.h"
#include "lib/promql/ast.h"

namespace varve::eval {

using InvarianceCache = absl::flat_hash_map<const promql::Expr*, bool>;

bool FindStepInvariance(const promql::Expr& expr, InvarianceCache& cache);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_INVARIANCE_H_
