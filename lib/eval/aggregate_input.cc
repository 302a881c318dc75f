// What MetricsQL adds around aggregations: several inputs, `limit N`.
#include <iterator>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "lib/base/status.h"
#include "lib/eval/families.h"
#include "lib/eval/grouping.h"

namespace varve::eval {

absl::StatusOr<Value> EvalAggregateInput(Evaluation& ev,
                                         const promql::AggregateExpr& expr,
                                         const StepRange& steps) {
  ASSIGN_OR_RETURN(Value all, ev.Eval(*expr.expr, steps));
  for (const promql::ExprPtr& more : expr.more_exprs) {
    ASSIGN_OR_RETURN(Value value, ev.Eval(*more, steps));
    RETURN_IF_ERROR(ev.Charge(all.charge, value.series));
    all.series.insert(all.series.end(),
                      std::move_iterator(value.series.begin()),
                      std::move_iterator(value.series.end()));
  }
  return all;
}

void LimitGroups(const promql::AggregateExpr& expr, Value& value) {
  if (expr.limit <= 0) return;
  const Grouping grouping(expr);
  absl::flat_hash_set<std::string> kept;
  std::string key;
  std::erase_if(value.series, [&](const EvalSeries& series) {
    grouping.Key(series.labels, false, key);
    if (kept.contains(key)) return false;
    if (kept.size() >= static_cast<size_t>(expr.limit)) return true;
    kept.insert(key);
    return false;
  });
}

}  // namespace varve::eval
