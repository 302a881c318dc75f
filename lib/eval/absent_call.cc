// absent() and absent_over_time(): one series where there is none.
#include "absl/container/flat_hash_set.h"
#include "lib/base/status.h"
#include "lib/eval/families.h"
#include "lib/eval/stream_plan.h"
#include "lib/eval/subquery.h"
#include "lib/eval/timing.h"
#include "lib/model/matcher.h"

namespace varve::eval {
namespace {

// A negative matcher that series without the label pass, as a!="1": Prometheus
// looks at these last. a!="" is none.
bool IsSubtracting(const model::Matcher& matcher) {
  if (!matcher.is_negative()) return false;
  const auto compiled = model::CompiledMatcher::Make(matcher);
  return !compiled.ok() || compiled->MatchesEmpty();
}

// The labels that `expr` asks to be equal to one value, and of which it asks
// nothing else afterwards.
model::LabelSet LabelsOfSelector(const promql::Expr& expr) {
  const promql::VectorSelector* selector = nullptr;
  if (expr.kind == promql::ExprKind::kVectorSelector) {
    selector = static_cast<const promql::VectorSelector*>(&expr);
  } else if (expr.kind == promql::ExprKind::kMatrixSelector) {
    selector = static_cast<const promql::MatrixSelector&>(expr).selector.get();
  }
  model::LabelSet labels;
  if (selector == nullptr || !selector->or_matchers.empty()) return labels;
  absl::flat_hash_set<std::string> seen;
  for (const model::Matcher& matcher : selector->matchers) {
    if (matcher.name == model::kMetricName) continue;
    if (matcher.type == model::MatchType::kEqual &&
        seen.insert(matcher.name).second) {
      labels.Set(matcher.name, matcher.value);
    } else if (!IsSubtracting(matcher)) {
      labels.Remove(matcher.name);
    }
  }
  for (const model::Matcher& matcher : selector->matchers) {
    if (IsSubtracting(matcher)) labels.Remove(matcher.name);
  }
  return labels;
}

// `Columns` is EvalSeries or ColumnView.
template <typename Columns>
void MarkPresent(const Columns& columns, std::vector<bool>& present) {
  for (size_t i = 0; i < columns.values.size(); ++i) {
    if (columns.HasSample(i)) present[i] = true;
  }
}

class PresenceSink final : public ColumnSink {
 public:
  PresenceSink(size_t lanes, size_t steps)
      : lanes_(lanes, std::vector<bool>(steps)) {}
  absl::Status Add(size_t lane, model::LabelSet& labels,
                   const ColumnView& column) override {
    MarkPresent(column, lanes_[lane]);
    return absl::OkStatus();
  }
  std::vector<bool> Finish() {
    for (size_t lane = 1; lane < lanes_.size(); ++lane) {
      for (size_t i = 0; i < lanes_[0].size(); ++i) {
        if (lanes_[lane][i]) lanes_[0][i] = true;
      }
    }
    return lanes_[0];
  }

 private:
  std::vector<std::vector<bool>> lanes_;
};

Value Complement(const promql::Expr& expr, const std::vector<bool>& present) {
  EvalSeries series{LabelsOfSelector(expr), false,
                    std::vector<double>(present.size(), 1)};
  for (size_t i = 0; i < present.size(); ++i) {
    if (present[i]) series.values[i] = Absent();
  }
  Value value;
  value.series.push_back(std::move(series));
  RemoveEmpty(value.series);
  return value;
}

absl::StatusOr<std::vector<bool>> StreamPresence(Evaluation& ev,
                                                 const RollupPlan& plan) {
  PresenceSink sink(ev.lanes(), plan.windows.count);
  RETURN_IF_ERROR(StreamColumns(ev, plan, sink));
  return sink.Finish();
}

absl::StatusOr<Value> AbsentCall(Evaluation& ev, const promql::Call& call,
                                 const StepRange& steps) {
  const promql::Expr& arg = Unwrap(*call.args[0]);
  std::vector<bool> present(steps.count);
  if (arg.kind == promql::ExprKind::kVectorSelector) {
    StreamPlan plan;
    RETURN_IF_ERROR(MakeStreamPlan(ev, arg, steps, plan));
    ASSIGN_OR_RETURN(present, StreamPresence(ev, plan.rollup));
  } else {
    ASSIGN_OR_RETURN(const Value value, ev.Eval(arg, steps));
    for (const EvalSeries& series : value.series) {
      MarkPresent(series, present);
    }
  }
  return Complement(arg, present);
}

absl::StatusOr<Value> AbsentOverTimeCall(Evaluation& ev,
                                         const promql::Call& call,
                                         const StepRange& steps) {
  const promql::Expr& arg = Unwrap(*call.args[0]);
  std::vector<bool> present(steps.count);
  if (arg.kind == promql::ExprKind::kSubquery) {
    ASSIGN_OR_RETURN(
        const SubqueryResult inner,
        EvalSubquery(ev, static_cast<const promql::SubqueryExpr&>(arg),
                     rollup::Function::kPresent, steps));
    RollupScratch scratch;
    for (const EvalSeries& series : inner.value.series) {
      ASSIGN_OR_RETURN(
          const EvalSeries column,
          RollupSamples(ev, rollup::Function::kPresent, inner, series, {}, {},
                        scratch));
      MarkPresent(column, present);
    }
    return Complement(arg, present);
  }
  const auto& matrix = static_cast<const promql::MatrixSelector&>(arg);
  RollupPlan plan;
  plan.selector = matrix.selector.get();
  RETURN_IF_ERROR(CheckEdges(*plan.selector, "absent_over_time"));
  plan.function = rollup::Function::kPresent;
  ASSIGN_OR_RETURN(const int64_t range_ms, RangeMs(ev.request(), matrix));
  ASSIGN_OR_RETURN(plan.windows,
                   WindowsOf(ev, plan.selector->time, range_ms, steps));
  ASSIGN_OR_RETURN(present, StreamPresence(ev, plan));
  return Complement(arg, present);
}

}  // namespace

CallFamily FindAbsentCall(std::string_view name) {
  if (name == "absent") return AbsentCall;
  if (name == "absent_over_time") return AbsentOverTimeCall;
  return nullptr;
}

}  // namespace varve::eval
