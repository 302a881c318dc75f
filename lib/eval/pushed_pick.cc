// What topk and bottomk pick from where the source knows their order: it gives
// the series that are among the k best of their group at any step, at these
// steps, and each group's first one, by which groups are ordered.
//
// Each series is in one node's answer, so that whatever is among the k best of
// all nodes is among those of its own. What is picked of these is the caller's
// to say, by the same rank and the same order of series as of all of them.
#include <optional>
#include <utility>
#include <vector>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/eval/families.h"
#include "lib/eval/pushed_read.h"
#include "lib/rollup/best_series.h"

namespace varve::eval {
namespace {

// The best of the source, and all series that it left over.
class PushedSeries final : public PushedSink {
 public:
  PushedSeries(Evaluation& ev, size_t steps) : all_(ev), column_(steps) {}

  absl::Status Add(const AggregatedPart& part) override {
    for (size_t i = 0; i < part.keys.size(); ++i) {
      auto labels = model::ParseCanonicalBytes(part.keys[i]);
      base::ByteReader reader(part.states[i]);
      if (!labels.ok() || !rollup::ReadStepValues(reader, column_)) {
        return IsUnreadable();
      }
      RETURN_IF_ERROR(all_.Add(0, *labels, {column_, {}}));
    }
    return absl::OkStatus();
  }

  absl::Status Add(size_t lane, model::LabelSet& labels,
                   const ColumnView& column) override {
    if (!column.histograms.empty()) return HasHistograms();
    return all_.Add(lane, labels, column);
  }

  absl::StatusOr<Value> Finish() { return all_.Finish(); }

 private:
  CollectSink all_;
  std::vector<double> column_;
};

}  // namespace

absl::StatusOr<std::optional<Value>> EvalPushedPick(
    Evaluation& ev, const promql::AggregateExpr& expr, const StreamPlan& plan,
    const StepRange& steps, uint32_t k) {
  AggregateRequest request =
      PushedRequest(ev, expr, plan,
                    expr.op == promql::AggregateOp::kTopk
                        ? rollup::Aggregate::kTopk
                        : rollup::Aggregate::kBottomk);
  request.k = k;
  // Series whose labels are equal without their names cannot be told apart by
  // those that are not given.
  if (!IsPushed(ev, plan.rollup) || request.label_hashes) return std::nullopt;
  PushedSeries series(ev, steps.count);
  ASSIGN_OR_RETURN(const bool read, ReadPushed(ev, request, plan, series));
  if (!read) return std::nullopt;
  ASSIGN_OR_RETURN(Value value, series.Finish());
  if (plan.drop_name) {
    for (EvalSeries& one : value.series) ev.DropName(one);
  }
  return std::optional<Value>(std::move(value));
}

}  // namespace varve::eval
