// Instant selectors and window functions over selectors and subqueries.
#include <utility>

#include "lib/base/status.h"
#include "lib/eval/families.h"
#include "lib/eval/stream_plan.h"
#include "lib/eval/subquery.h"

namespace varve::eval {
namespace {

absl::Status DropNames(Evaluation& ev, bool may_collide,
                       std::vector<EvalSeries>& series) {
  for (EvalSeries& s : series) ev.DropName(s);
  if (!may_collide || ev.request().delayed_name_removal) {
    return absl::OkStatus();
  }
  return RequireUnlikeLabels(series);
}

absl::StatusOr<Value> RollupOverSubquery(Evaluation& ev,
                                         rollup::Function function,
                                         const RollupArguments& arguments,
                                         const StepRange& steps) {
  StreamPlan plan;
  RETURN_IF_ERROR(FillArguments(ev, function, arguments, steps, plan));
  ASSIGN_OR_RETURN(
      SubqueryResult inner,
      EvalSubquery(
          ev, static_cast<const promql::SubqueryExpr&>(*arguments.range_vector),
          function, steps));
  Value value;
  RollupScratch scratch;
  for (EvalSeries& series : inner.value.series) {
    RETURN_IF_ERROR(ev.CheckAlive());
    ASSIGN_OR_RETURN(
        EvalSeries out,
        RollupSamples(ev, function, inner, series, plan.rollup.arguments,
                      plan.rollup.position, scratch));
    if (out.IsEmpty()) continue;
    out.labels = std::move(series.labels);
    out.drop_name = series.drop_name;
    value.series.push_back(std::move(out));
  }
  RETURN_IF_ERROR(ev.Charge(value.charge, value.series));
  if (!rollup::KeepsName(function) && !ev.keeps_names()) {
    RETURN_IF_ERROR(DropNames(ev, true, value.series));
  }
  return value;
}

absl::StatusOr<Value> RollupCall(Evaluation& ev, const promql::Call& call,
                                 const StepRange& steps) {
  if (!CanStream(call)) {
    const RollupArguments arguments = SplitArguments(call);
    if (arguments.range_vector == nullptr ||
        arguments.range_vector->kind != promql::ExprKind::kSubquery) {
      return base::Unimplemented(call.function,
                                 "() of this kind of argument is not "
                                 "implemented");
    }
    return RollupOverSubquery(ev, FunctionOf(ev, call, arguments), arguments,
                              steps);
  }
  StreamPlan plan;
  RETURN_IF_ERROR(MakeStreamPlan(ev, call, steps, plan));
  ASSIGN_OR_RETURN(Value value, CollectColumns(ev, plan.rollup));
  if (plan.drop_name) {
    RETURN_IF_ERROR(DropNames(ev, plan.may_collide, value.series));
  }
  return value;
}

}  // namespace

absl::StatusOr<Value> EvalSelector(Evaluation& ev,
                                   const promql::VectorSelector& selector,
                                   const StepRange& steps) {
  StreamPlan plan;
  RETURN_IF_ERROR(MakeStreamPlan(ev, selector, steps, plan));
  return CollectColumns(ev, plan.rollup);
}

CallFamily FindRollupCall(std::string_view name) {
  return rollup::FunctionByName(name) ? RollupCall : nullptr;
}

}  // namespace varve::eval
