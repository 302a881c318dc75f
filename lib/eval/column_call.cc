// MetricsQL's functions of one series' points over the whole query.
#include <utility>

#include "lib/base/status.h"
#include "lib/eval/call_parts.h"
#include "lib/eval/column_transforms.h"
#include "lib/eval/families.h"

namespace varve::eval {
namespace {

absl::StatusOr<Value> ColumnCall(Evaluation& ev, const promql::Call& call,
                                 const StepRange& steps) {
  const ColumnTransformInfo& info = *FindColumnTransform(call.function);
  std::vector<double> scalar;
  Value value;
  for (size_t i = 0; i < call.args.size(); ++i) {
    if (static_cast<int>(i) == info.scalar_argument) {
      ASSIGN_OR_RETURN(scalar, ev.EvalScalar(*call.args[i], steps));
      continue;
    }
    ASSIGN_OR_RETURN(Value more, EvalVector(ev, *call.args[i], steps));
    std::move(more.series.begin(), more.series.end(),
              std::back_inserter(value.series));
  }
  RETURN_IF_ERROR(ev.Charge(value.charge, value.series));
  for (EvalSeries& series : value.series) {
    info.transform(series.values, scalar);
  }
  return AfterMetricsql(ev, std::move(value));
}

}  // namespace

CallFamily FindColumnCall(std::string_view name) {
  return FindColumnTransform(name) != nullptr ? ColumnCall : nullptr;
}

}  // namespace varve::eval
