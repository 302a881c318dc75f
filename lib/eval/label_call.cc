// label_replace and label_join: they change labels and no value.
#include <re2/re2.h>

#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/eval/call_parts.h"
#include "lib/eval/families.h"
#include "lib/eval/label_template.h"
#include "lib/eval/text.h"

namespace varve::eval {
namespace {

absl::StatusOr<Value> ReplaceCall(Evaluation& ev, const promql::Call& call,
                                  const StepRange& steps) {
  ASSIGN_OR_RETURN(const std::string target, TextArgument(ev, call, 1));
  ASSIGN_OR_RETURN(const std::string replacement, TextArgument(ev, call, 2));
  ASSIGN_OR_RETURN(const std::string source, TextArgument(ev, call, 3));
  ASSIGN_OR_RETURN(const std::string pattern, TextArgument(ev, call, 4));
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 regex("^(?s:" + pattern + ")$", options);
  if (!regex.ok()) {
    return base::InvalidArgument(
        "invalid regular expression in label_replace(): ", pattern);
  }
  if (!IsLabelName(target)) {
    return base::InvalidArgument(
        "invalid destination label name in label_replace(): ", target);
  }
  ASSIGN_OR_RETURN(Value value, ev.Eval(*call.args[0], steps));
  const LabelTemplate expansion(regex, replacement);
  std::string result;
  for (EvalSeries& series : value.series) {
    if (expansion.Expand(series.labels.Get(source), result)) {
      SetLabel(series, target, result);
    }
  }
  RETURN_IF_ERROR(ev.AfterChange(value.series));
  return AfterRelabel(std::move(value));
}

absl::StatusOr<Value> JoinCall(Evaluation& ev, const promql::Call& call,
                               const StepRange& steps) {
  ASSIGN_OR_RETURN(const std::string target, TextArgument(ev, call, 1));
  ASSIGN_OR_RETURN(const std::string separator, TextArgument(ev, call, 2));
  std::vector<std::string> sources;
  for (size_t i = 3; i < call.args.size(); ++i) {
    ASSIGN_OR_RETURN(std::string source, TextArgument(ev, call, i));
    if (!IsLabelName(source)) {
      return base::InvalidArgument(
          "invalid source label name in label_join(): ", source);
    }
    sources.push_back(std::move(source));
  }
  if (!IsLabelName(target)) {
    return base::InvalidArgument(
        "invalid destination label name in label_join(): ", target);
  }
  ASSIGN_OR_RETURN(Value value, ev.Eval(*call.args[0], steps));
  for (EvalSeries& series : value.series) {
    std::string joined;
    for (size_t i = 0; i < sources.size(); ++i) {
      if (i > 0) joined += separator;
      joined += series.labels.Get(sources[i]);
    }
    SetLabel(series, target, joined);
  }
  RETURN_IF_ERROR(ev.AfterChange(value.series));
  return AfterRelabel(std::move(value));
}

}  // namespace

CallFamily FindLabelCall(std::string_view name) {
  if (name == "label_replace") return ReplaceCall;
  if (name == "label_join") return JoinCall;
  return nullptr;
}

}  // namespace varve::eval
