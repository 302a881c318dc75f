#include "lib/eval/pushed_read.h"

#include <memory>

#include "lib/base/status.h"
#include "lib/eval/notes.h"

namespace varve::eval {
namespace {

using rollup::Function;

absl::Status ReadAll(Evaluation& ev, AggregateStream& stream,
                     const RollupPlan& plan, PushedSink& sink) {
  AggregatedPart part;
  while (true) {
    RETURN_IF_ERROR(ev.CheckAlive());
    ASSIGN_OR_RETURN(const bool more, stream.Next(part));
    if (!more) break;
    RETURN_IF_ERROR(ev.CountFetched(part.series, part.samples));
    if (part.keys.size() != part.states.size()) return IsUnreadable();
    RETURN_IF_ERROR(sink.Add(part));
    for (const std::string& name : part.metric_names) {
      TellNotCounter(ev, name, plan.position);
    }
  }
  const std::unique_ptr<SeriesStream> rest = stream.TakeRest();
  if (rest == nullptr) return absl::OkStatus();
  return StreamColumns(ev, plan, *rest, sink);
}

}  // namespace

absl::Status HasHistograms() {
  return absl::AbortedError("the source has histograms");
}

absl::Status IsUnreadable() {
  return absl::AbortedError("a group that cannot be read");
}

// Functions of floats without arguments, over plain windows. Others read what
// the source is not told, or are rare.
bool IsPushed(const Evaluation& ev, const RollupPlan& plan) {
  if (ev.request().count_samples ||
      ev.request().dialect != promql::Dialect::kPromql ||
      plan.windows.fits_interval ||
      plan.selector->edges != promql::RangeEdges::kPlain) {
    return false;
  }
  switch (plan.function) {
    case Function::kRate:
    case Function::kIncrease:
    case Function::kDelta:
    case Function::kIrate:
    case Function::kIdelta:
    case Function::kDeriv:
    case Function::kChanges:
    case Function::kResets:
    case Function::kAvg:
    case Function::kSum:
    case Function::kMin:
    case Function::kMax:
    case Function::kCount:
    case Function::kLast:
    case Function::kFirst:
    case Function::kPresent:
    case Function::kStddev:
    case Function::kStdvar:
    case Function::kDefault:
      return true;
    default:
      return false;
  }
}

AggregateRequest PushedRequest(const Evaluation& ev,
                               const promql::AggregateExpr& expr,
                               const StreamPlan& plan,
                               rollup::Aggregate aggregate) {
  AggregateRequest request;
  request.select = SelectOf(ev, plan.rollup);
  request.function = rollup::NameOf(plan.rollup.function);
  request.first_end_ms = plan.rollup.windows.first_end_ms;
  request.end_step_ms = plan.rollup.windows.end_step_ms;
  request.range_ms = plan.rollup.windows.range_ms;
  request.steps = plan.rollup.windows.count;
  request.aggregate = static_cast<uint32_t>(aggregate);
  request.without = expr.without;
  request.grouping = expr.grouping;
  request.without_metadata =
      plan.drop_name && !ev.request().delayed_name_removal;
  request.label_hashes = request.without_metadata && plan.may_collide;
  request.samples_max = ev.request().limits.samples_max;
  return request;
}

absl::StatusOr<bool> ReadPushed(Evaluation& ev, const AggregateRequest& request,
                                const StreamPlan& plan, PushedSink& sink) {
  ASSIGN_OR_RETURN(const std::unique_ptr<AggregateStream> stream,
                   ev.request().source->Aggregate(request));
  if (stream == nullptr) return false;
  const EvalStats before = ev.stats();
  const absl::Status status = ReadAll(ev, *stream, plan.rollup, sink);
  if (!absl::IsAborted(status)) {
    RETURN_IF_ERROR(status);
    return true;
  }
  const EvalStats now = ev.stats();
  RETURN_IF_ERROR(
      ev.CountFetched(before.series_fetched - now.series_fetched,
                      before.samples_scanned - now.samples_scanned));
  return false;
}

}  // namespace varve::eval
