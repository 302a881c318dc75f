// Walks a syntax tree without recursion.
//
// Threads: free functions without state.
#ifndef VARVE_LIB_PROMQL_VISIT_H_
#define VARVE_LIB_PROMQL_VISIT_H_

#include <vector>

#include "lib/promql/ast.h"

namespace varve::promql {

// The expressions right below `expr`, in the order of the text; a matrix
// selector's own vector selector is one. Durations are not.
void AppendChildren(const Expr& expr, std::vector<const Expr*>& children);

// Calls `visit(expr)` for `root` and all below it, parents first.
template <typename Visit>
void ForEachExpr(const Expr& root, Visit visit) {
  std::vector<const Expr*> waiting = {&root};
  std::vector<const Expr*> children;
  while (!waiting.empty()) {
    const Expr& expr = *waiting.back();
    waiting.pop_back();
    visit(expr);
    children.clear();
    AppendChildren(expr, children);
    waiting.insert(waiting.end(), children.rbegin(), children.rend());
  }
}

}  // namespace varve::promql

#endif  // VARVE_LIB_PROMQL_VISIT_H_
