// What the source computes itself, where the series are: which plans it is
// asked for, and how its answer is read.
//
// Errors:  of the source and the sink; limits and deadline once per part. What
//          the source gave up half-way (Aborted) is no error: nothing of it
//          counts, and the engine does the work.
// Threads: the query's own.
#ifndef VARVE_LIB_EVAL_PUSHED_READ_H_
#define VARVE_LIB_EVAL_PUSHED_READ_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/eval/column_stream.h"
#include "lib/eval/series_source.h"
#include "lib/eval/stream_plan.h"
#include "lib/promql/ast.h"
#include "lib/rollup/group_columns.h"

namespace varve::eval {

// Of the series that the source left over it gets the columns, as they come.
// Aborted: the answer cannot be used.
class PushedSink : public ColumnSink {
 public:
  using ColumnSink::Add;
  virtual absl::Status Add(const AggregatedPart& part) = 0;
};

// What such a sink says of histograms and of bytes that it cannot read.
absl::Status HasHistograms();
absl::Status IsUnreadable();

bool IsPushed(const Evaluation& ev, const RollupPlan& plan);

AggregateRequest PushedRequest(const Evaluation& ev,
                               const promql::AggregateExpr& expr,
                               const StreamPlan& plan,
                               rollup::Aggregate aggregate);

// False: the source leaves the work to the engine, and `sink` is of no use.
// REQUIRES: IsPushed(ev, plan.rollup); `request` is the plan's.
absl::StatusOr<bool> ReadPushed(Evaluation& ev, const AggregateRequest& request,
                                const StreamPlan& plan, PushedSink& sink);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_PUSHED_READ_H_
