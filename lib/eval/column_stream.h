// Series from the source, through a window function, to whoever uses them:
// a batch at a time, so that no more than a batch of samples is in memory.
//
// The series of a batch are split over lanes by position; each lane is one
// thread at a time. A sink with one state per lane, joined in the order of the
// lanes, therefore gives the same result for the same batches.
//
// Errors:  of the source, of the sink; limits and deadline once per batch.
#ifndef VARVE_LIB_EVAL_COLUMN_STREAM_H_
#define VARVE_LIB_EVAL_COLUMN_STREAM_H_

#include <functional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/eval/evaluation.h"
#include "lib/eval/value.h"
#include "lib/model/label.h"
#include "lib/promql/ast.h"
#include "lib/rollup/rollup.h"

namespace varve::eval {

class ColumnSink {
 public:
  virtual ~ColumnSink() = default;
  // Called for each series with a value at some step; `labels` may be moved
  // from, the histograms of `column` too. Calls of different lanes come at the
  // same time.
  virtual absl::Status Add(size_t lane, model::LabelSet& labels,
                           const ColumnView& column) = 0;
};

// Keeps all columns.
class CollectSink final : public ColumnSink {
 public:
  explicit CollectSink(Evaluation& ev);

  absl::Status Add(size_t lane, model::LabelSet& labels,
                   const ColumnView& column) override;
  // The series, sorted by labels.
  absl::StatusOr<Value> Finish();

 private:
  Evaluation& ev_;
  std::vector<Value> lanes_;
};

struct RollupPlan {
  const promql::VectorSelector* selector = nullptr;
  rollup::Function function = rollup::Function::kDefault;
  rollup::Windows windows;
  rollup::Arguments arguments;
  promql::Position position;  // of the argument that notes speak of
  // With kTsOfDefault: in place of each sample's timestamp its start's, in
  // seconds; 0 when it is unknown.
  bool starts = false;
};

// What the plan reads.
SelectRequest SelectOf(const Evaluation& ev, const RollupPlan& plan);

absl::Status StreamColumns(Evaluation& ev, const RollupPlan& plan,
                           ColumnSink& sink);
// Of series that were selected already.
absl::Status StreamColumns(Evaluation& ev, const RollupPlan& plan,
                           SeriesStream& stream, ColumnSink& sink);

// All series, sorted by labels.
absl::StatusOr<Value> CollectColumns(Evaluation& ev, const RollupPlan& plan);

// Each series with the samples that the plan's function reads; calls of
// different lanes come at the same time.
using UseSeries = std::function<absl::Status(size_t lane, SeriesData& series)>;
absl::Status StreamSeries(Evaluation& ev, const RollupPlan& plan,
                          const UseSeries& use);

// The samples themselves: an instant query of a range selector.
absl::StatusOr<std::vector<SeriesData>> CollectSamples(Evaluation& ev,
                                                       const RollupPlan& plan);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_COLUMN_STREAM_H_
