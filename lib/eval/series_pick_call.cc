// MetricsQL's functions that pick some of the series or put them in order:
// their points stay as they are.
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "lib/base/status.h"
#include "lib/eval/call_parts.h"
#include "lib/eval/families.h"
#include "lib/eval/numeric_order.h"

namespace varve::eval {
namespace {

absl::StatusOr<Value> DropEmptyCall(Evaluation& ev, const promql::Call& call,
                                    const StepRange& steps) {
  ASSIGN_OR_RETURN(Value value, EvalVector(ev, *call.args[0], steps));
  std::erase_if(value.series, [](const EvalSeries& series) {
    return AllNull(series.histograms) &&
           std::all_of(series.values.begin(), series.values.end(),
                       [](double v) { return std::isnan(v); });
  });
  return value;
}

size_t CountOf(double number, size_t most) {
  if (!(number > 0)) return 0;
  return number >= static_cast<double>(most) ? most
                                             : static_cast<size_t>(number);
}

absl::StatusOr<Value> LimitOffsetCall(Evaluation& ev, const promql::Call& call,
                                      const StepRange& steps) {
  ASSIGN_OR_RETURN(const std::vector<double> limit,
                   ev.EvalScalar(*call.args[0], steps));
  ASSIGN_OR_RETURN(const std::vector<double> offset,
                   ev.EvalScalar(*call.args[1], steps));
  ASSIGN_OR_RETURN(Value value, EvalVector(ev, *call.args[2], steps));
  std::vector<EvalSeries>& series = value.series;
  if (!value.ordered) SortByLabels(series);
  const size_t skipped = CountOf(offset[0], series.size());
  const size_t kept = CountOf(limit[0], series.size() - skipped);
  series.erase(series.begin(),
               series.begin() + static_cast<std::ptrdiff_t>(skipped));
  series.erase(series.begin() + static_cast<std::ptrdiff_t>(kept),
               series.end());
  return value;
}

// label_match and label_mismatch.
absl::StatusOr<Value> MatchCall(Evaluation& ev, const promql::Call& call,
                                const StepRange& steps) {
  ASSIGN_OR_RETURN(const std::string name, TextArgument(ev, call, 1));
  ASSIGN_OR_RETURN(const std::string pattern, TextArgument(ev, call, 2));
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 regex(pattern, options);
  if (!regex.ok()) {
    return base::InvalidArgument("invalid regular expression in ",
                                 call.function, "(): ", pattern);
  }
  const bool wanted = call.function == "label_match";
  ASSIGN_OR_RETURN(Value value, EvalVector(ev, *call.args[0], steps));
  std::erase_if(value.series, [&](const EvalSeries& series) {
    const std::string_view text = series.labels.Get(name);
    return RE2::FullMatch(re2::StringPiece(text.data(), text.size()), regex) !=
           wanted;
  });
  return value;
}

absl::StatusOr<Value> LabelsEqualCall(Evaluation& ev, const promql::Call& call,
                                      const StepRange& steps) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   TextArguments(ev, call, 1));
  ASSIGN_OR_RETURN(Value value, EvalVector(ev, *call.args[0], steps));
  std::erase_if(value.series, [&names](const EvalSeries& series) {
    return std::any_of(names.begin(), names.end(), [&](const auto& name) {
      return series.labels.Get(name) != series.labels.Get(names[0]);
    });
  });
  return value;
}

// The number a label has as its text; no sample where it is no number.
absl::StatusOr<Value> LabelValueCall(Evaluation& ev, const promql::Call& call,
                                     const StepRange& steps) {
  ASSIGN_OR_RETURN(const std::string name, TextArgument(ev, call, 1));
  ASSIGN_OR_RETURN(Value value, EvalVector(ev, *call.args[0], steps));
  for (EvalSeries& series : value.series) {
    double number = 0;
    if (!absl::SimpleAtod(base::ToAbsl(series.labels.Get(name)), &number)) {
      number = Absent();
    }
    for (double& v : series.values) {
      if (!std::isnan(v)) v = number;
    }
  }
  return AfterMetricsql(ev, std::move(value));
}

absl::StatusOr<Value> SortNumericCall(Evaluation& ev, const promql::Call& call,
                                      const StepRange& steps) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   TextArguments(ev, call, 1));
  ASSIGN_OR_RETURN(Value value, EvalVector(ev, *call.args[0], steps));
  if (steps.count > 1) return value;
  const bool descending = call.function == "sort_by_label_numeric_desc";
  std::stable_sort(value.series.begin(), value.series.end(),
                   [&](const EvalSeries& a, const EvalSeries& b) {
                     for (const std::string& name : names) {
                       const std::string_view x = a.labels.Get(name);
                       const std::string_view y = b.labels.Get(name);
                       if (x == y) continue;
                       return descending ? NumericLess(y, x)
                                         : NumericLess(x, y);
                     }
                     return false;
                   });
  value.ordered = true;
  return value;
}

constexpr std::array<std::pair<std::string_view, CallFamily>, 8> kCalls = {{
    {"drop_empty_series", DropEmptyCall},
    {"label_match", MatchCall},
    {"label_mismatch", MatchCall},
    {"label_value", LabelValueCall},
    {"labels_equal", LabelsEqualCall},
    {"limit_offset", LimitOffsetCall},
    {"sort_by_label_numeric", SortNumericCall},
    {"sort_by_label_numeric_desc", SortNumericCall},
}};

}  // namespace

CallFamily FindSeriesPickCall(std::string_view name) {
  for (const auto& [known, family] : kCalls) {
    if (known == name) return family;
  }
  return nullptr;
}

}  // namespace varve::eval
