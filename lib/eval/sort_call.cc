// sort, sort_desc, sort_by_label, sort_by_label_desc: the order of an instant
// query's result. A range query's is by labels whatever they say.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/eval/families.h"
#include "lib/eval/natural_order.h"

namespace varve::eval {
namespace {

absl::StatusOr<Value> SortCall(Evaluation& ev, const promql::Call& call,
                               const StepRange& steps) {
  ASSIGN_OR_RETURN(Value value, ev.Eval(*call.args[0], steps));
  for (EvalSeries& series : value.series) series.DropHistograms();
  RemoveEmpty(value.series);
  if (steps.count > 1) return value;
  const bool descending = call.function == "sort_desc";
  std::stable_sort(value.series.begin(), value.series.end(),
                   [descending](const EvalSeries& a, const EvalSeries& b) {
                     const double x = a.values[0];
                     const double y = b.values[0];
                     if (std::isnan(x)) return false;
                     if (std::isnan(y)) return true;
                     return descending ? x > y : x < y;
                   });
  value.ordered = true;
  return value;
}

// Below 0, 0 or above 0.
int CompareBy(const std::vector<std::string>& names, const model::LabelSet& a,
              const model::LabelSet& b) {
  for (const std::string& name : names) {
    const std::string_view x = a.Get(name);
    const std::string_view y = b.Get(name);
    if (x == y) continue;
    return NaturalLess(x, y) ? -1 : 1;
  }
  return a == b ? 0 : a < b ? -1 : 1;
}

absl::StatusOr<Value> SortByLabelCall(Evaluation& ev, const promql::Call& call,
                                      const StepRange& steps) {
  std::vector<std::string> names;
  for (size_t i = 1; i < call.args.size(); ++i) {
    ASSIGN_OR_RETURN(Value name, ev.Eval(*call.args[i], StepRange{}));
    names.push_back(std::move(name.text));
  }
  ASSIGN_OR_RETURN(Value value, ev.Eval(*call.args[0], steps));
  if (steps.count > 1) return value;
  const int sign = call.function == "sort_by_label_desc" ? -1 : 1;
  std::stable_sort(value.series.begin(), value.series.end(),
                   [&names, sign](const EvalSeries& a, const EvalSeries& b) {
                     return sign * CompareBy(names, a.labels, b.labels) < 0;
                   });
  value.ordered = true;
  return value;
}

}  // namespace

CallFamily FindSortCall(std::string_view name) {
  if (name == "sort" || name == "sort_desc") return SortCall;
  if (name == "sort_by_label" || name == "sort_by_label_desc") {
    return SortByLabelCall;
  }
  return nullptr;
}

}  // namespace varve::eval
