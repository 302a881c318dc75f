// MetricsQL's union(a, b, …): all the series of its arguments; of equal label
// sets the first one stays.
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "lib/base/status.h"
#include "lib/eval/families.h"

namespace varve::eval {
namespace {

absl::StatusOr<Value> UnionCall(Evaluation& ev, const promql::Call& call,
                                const StepRange& steps) {
  Value all;
  absl::flat_hash_set<model::LabelSet> seen;
  for (const promql::ExprPtr& arg : call.args) {
    ASSIGN_OR_RETURN(Value value, ev.Eval(*arg, steps));
    RETURN_IF_ERROR(ev.Charge(all.charge, value.series));
    for (EvalSeries& series : value.series) {
      if (!seen.insert(series.labels).second) continue;
      all.series.push_back(std::move(series));
    }
  }
  all.ordered = true;  // by argument
  return all;
}

}  // namespace

CallFamily FindUnionCall(std::string_view name) {
  return name == "union" ? UnionCall : nullptr;
}

}  // namespace varve::eval
