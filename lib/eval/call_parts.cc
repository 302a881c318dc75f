#include "lib/eval/call_parts.h"

#include <cmath>
#include <utility>

#include "lib/base/status.h"

namespace varve::eval {

absl::StatusOr<std::string> TextArgument(Evaluation& ev,
                                         const promql::Call& call,
                                         size_t index) {
  ASSIGN_OR_RETURN(Value value, ev.Eval(*call.args[index], StepRange{}));
  return std::move(value.text);
}

absl::StatusOr<std::vector<std::string>> TextArguments(Evaluation& ev,
                                                       const promql::Call& call,
                                                       size_t first) {
  std::vector<std::string> texts;
  for (size_t i = first; i < call.args.size(); ++i) {
    ASSIGN_OR_RETURN(std::string text, TextArgument(ev, call, i));
    texts.push_back(std::move(text));
  }
  return texts;
}

absl::StatusOr<Value> EvalVector(Evaluation& ev, const promql::Expr& expr,
                                 const StepRange& steps) {
  ASSIGN_OR_RETURN(Value value, ev.Eval(expr, steps));
  return AsVector(std::move(value));
}

Value AsVector(Value value) {
  if (value.type == promql::ValueType::kScalar) {
    EvalSeries series;
    series.values = std::move(value.scalar);
    value.type = promql::ValueType::kVector;
    value.series.push_back(std::move(series));
  }
  return value;
}

void SetLabel(EvalSeries& series, std::string_view name,
              std::string_view value) {
  series.labels.Set(name, value);
  if (name == model::kMetricName) series.drop_name = false;
}

absl::StatusOr<Value> AfterRelabel(Value value) {
  RETURN_IF_ERROR(MergeSameLabels(value.series));
  SortByLabels(value.series);
  value.ordered = false;
  return value;
}

absl::StatusOr<Value> AfterMetricsql(Evaluation& ev, Value value) {
  for (EvalSeries& series : value.series) {
    series.DropHistograms();
    for (double& v : series.values) {
      if (std::isnan(v)) v = Absent();
    }
  }
  RemoveEmpty(value.series);
  for (EvalSeries& series : value.series) ev.DropName(series);
  RETURN_IF_ERROR(ev.AfterDrop(value.series));
  return value;
}

}  // namespace varve::eval
