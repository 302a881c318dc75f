// MetricsQL's functions that set, copy, move, remove and rewrite labels.
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "lib/base/status.h"
#include "lib/eval/call_parts.h"
#include "lib/eval/families.h"
#include "lib/eval/label_template.h"
#include "lib/eval/text.h"

namespace varve::eval {
namespace {

using Texts = std::vector<std::string>;

// Evaluates the call's first argument and edits each series of it.
template <typename Edit>
absl::StatusOr<Value> EditSeries(Evaluation& ev, const promql::Call& call,
                                 const StepRange& steps, Edit edit) {
  ASSIGN_OR_RETURN(Value value, EvalVector(ev, *call.args[0], steps));
  for (EvalSeries& series : value.series) edit(series);
  return AfterRelabel(std::move(value));
}

// Pairs of texts: a label and its value, a source and a target.
absl::StatusOr<Texts> Pairs(Evaluation& ev, const promql::Call& call,
                            size_t first) {
  ASSIGN_OR_RETURN(Texts texts, TextArguments(ev, call, first));
  if (texts.size() % 2 != 0) {
    return base::InvalidArgument("the number of string arguments of ",
                                 call.function, "() must be even, got ",
                                 texts.size());
  }
  return texts;
}

absl::Status CheckNames(const promql::Call& call, const Texts& texts,
                        size_t first, size_t step) {
  for (size_t i = first; i < texts.size(); i += step) {
    if (!IsLabelName(texts[i])) {
      return base::InvalidArgument("invalid label name in ", call.function,
                                   "(): ", Quoted(texts[i]));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Value> SetCall(Evaluation& ev, const promql::Call& call,
                              const StepRange& steps) {
  ASSIGN_OR_RETURN(const Texts pairs, Pairs(ev, call, 1));
  RETURN_IF_ERROR(CheckNames(call, pairs, 0, 2));
  return EditSeries(ev, call, steps, [&pairs](EvalSeries& series) {
    for (size_t i = 0; i < pairs.size(); i += 2) {
      SetLabel(series, pairs[i], pairs[i + 1]);
    }
  });
}

absl::StatusOr<Value> AliasCall(Evaluation& ev, const promql::Call& call,
                                const StepRange& steps) {
  ASSIGN_OR_RETURN(const std::string name, TextArgument(ev, call, 1));
  return EditSeries(ev, call, steps, [&name](EvalSeries& series) {
    SetLabel(series, model::kMetricName, name);
  });
}

absl::StatusOr<Value> DeleteCall(Evaluation& ev, const promql::Call& call,
                                 const StepRange& steps) {
  ASSIGN_OR_RETURN(const Texts names, TextArguments(ev, call, 1));
  return EditSeries(ev, call, steps, [&names](EvalSeries& series) {
    for (const std::string& name : names) series.labels.Remove(name);
  });
}

absl::StatusOr<Value> KeepCall(Evaluation& ev, const promql::Call& call,
                               const StepRange& steps) {
  ASSIGN_OR_RETURN(const Texts names, TextArguments(ev, call, 1));
  return EditSeries(ev, call, steps, [&names](EvalSeries& series) {
    std::vector<model::Label> kept;
    for (const model::Label& label : series.labels) {
      if (std::find(names.begin(), names.end(), label.name) != names.end()) {
        kept.push_back(label);
      }
    }
    series.labels = model::LabelSet(std::move(kept));
  });
}

// label_copy and label_move: a label that is not there leaves its target be.
absl::StatusOr<Value> CopyCall(Evaluation& ev, const promql::Call& call,
                               const StepRange& steps) {
  ASSIGN_OR_RETURN(const Texts pairs, Pairs(ev, call, 1));
  RETURN_IF_ERROR(CheckNames(call, pairs, 1, 2));
  const bool moves = call.function == "label_move";
  return EditSeries(ev, call, steps, [&pairs, moves](EvalSeries& series) {
    for (size_t i = 0; i < pairs.size(); i += 2) {
      const std::string value(series.labels.Get(pairs[i]));
      if (value.empty()) continue;
      SetLabel(series, pairs[i + 1], value);
      if (moves && pairs[i] != pairs[i + 1]) series.labels.Remove(pairs[i]);
    }
  });
}

absl::StatusOr<Value> MapCall(Evaluation& ev, const promql::Call& call,
                              const StepRange& steps) {
  ASSIGN_OR_RETURN(const std::string name, TextArgument(ev, call, 1));
  ASSIGN_OR_RETURN(const Texts pairs, Pairs(ev, call, 2));
  RETURN_IF_ERROR(CheckNames(call, {name}, 0, 1));
  absl::flat_hash_map<std::string, std::string> targets;
  for (size_t i = 0; i < pairs.size(); i += 2) {
    targets[pairs[i]] = pairs[i + 1];
  }
  return EditSeries(ev, call, steps, [&](EvalSeries& series) {
    const auto it = targets.find(std::string(series.labels.Get(name)));
    if (it != targets.end()) SetLabel(series, name, it->second);
  });
}

// label_lowercase and label_uppercase; bytes beyond ASCII stay.
absl::StatusOr<Value> CaseCall(Evaluation& ev, const promql::Call& call,
                               const StepRange& steps) {
  ASSIGN_OR_RETURN(const Texts names, TextArguments(ev, call, 1));
  const bool lower = call.function == "label_lowercase";
  return EditSeries(ev, call, steps, [&names, lower](EvalSeries& series) {
    for (const std::string& name : names) {
      const std::string_view value = series.labels.Get(name);
      if (value.empty()) continue;
      SetLabel(series, name,
               lower ? absl::AsciiStrToLower(base::ToAbsl(value))
                     : absl::AsciiStrToUpper(base::ToAbsl(value)));
    }
  });
}

absl::StatusOr<Value> TransformCall(Evaluation& ev, const promql::Call& call,
                                    const StepRange& steps) {
  ASSIGN_OR_RETURN(const std::string name, TextArgument(ev, call, 1));
  ASSIGN_OR_RETURN(const std::string pattern, TextArgument(ev, call, 2));
  ASSIGN_OR_RETURN(const std::string replacement, TextArgument(ev, call, 3));
  RETURN_IF_ERROR(CheckNames(call, {name}, 0, 1));
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 regex(pattern, options);
  if (!regex.ok()) {
    return base::InvalidArgument(
        "invalid regular expression in label_transform(): ", pattern);
  }
  const LabelTemplate expansion(regex, replacement);
  return EditSeries(ev, call, steps, [&](EvalSeries& series) {
    const std::string value(series.labels.Get(name));
    SetLabel(series, name, expansion.ReplaceAll(value));
  });
}

// The groups between the dots of a Graphite name.
std::string GraphiteGroups(std::string_view name,
                           const std::vector<double>& wanted) {
  std::vector<std::string_view> groups;
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('.', begin), name.size());
    groups.push_back(name.substr(begin, end - begin));
    begin = end + 1;
  }
  std::string joined;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (i > 0) joined += '.';
    if (wanted[i] >= 0 && wanted[i] < static_cast<double>(groups.size())) {
      joined += groups[static_cast<size_t>(wanted[i])];
    }
  }
  return joined;
}

absl::StatusOr<Value> GraphiteGroupCall(Evaluation& ev,
                                        const promql::Call& call,
                                        const StepRange& steps) {
  std::vector<double> wanted;
  for (size_t i = 1; i < call.args.size(); ++i) {
    ASSIGN_OR_RETURN(const std::vector<double> group,
                     ev.EvalScalar(*call.args[i], steps));
    wanted.push_back(group[0]);
  }
  return EditSeries(ev, call, steps, [&wanted](EvalSeries& series) {
    SetLabel(series, model::kMetricName,
             GraphiteGroups(series.labels.Get(model::kMetricName), wanted));
  });
}

absl::StatusOr<Value> DropCommonCall(Evaluation& ev, const promql::Call& call,
                                     const StepRange& steps) {
  Value value;
  for (const promql::ExprPtr& arg : call.args) {
    ASSIGN_OR_RETURN(Value more, EvalVector(ev, *arg, steps));
    std::move(more.series.begin(), more.series.end(),
              std::back_inserter(value.series));
  }
  RETURN_IF_ERROR(ev.Charge(value.charge, value.series));
  if (value.series.empty()) return value;
  const model::LabelSet first = value.series[0].labels;
  for (const model::Label& label : first) {
    const bool common = std::all_of(
        value.series.begin(), value.series.end(), [&](const EvalSeries& s) {
          return s.labels.Get(label.name) == label.value;
        });
    if (!common) continue;
    for (EvalSeries& series : value.series) series.labels.Remove(label.name);
  }
  return AfterRelabel(std::move(value));
}

constexpr std::array<std::pair<std::string_view, CallFamily>, 12> kCalls = {{
    {"alias", AliasCall},
    {"drop_common_labels", DropCommonCall},
    {"label_copy", CopyCall},
    {"label_del", DeleteCall},
    {"label_graphite_group", GraphiteGroupCall},
    {"label_keep", KeepCall},
    {"label_lowercase", CaseCall},
    {"label_map", MapCall},
    {"label_move", CopyCall},
    {"label_set", SetCall},
    {"label_transform", TransformCall},
    {"label_uppercase", CaseCall},
}};

}  // namespace

CallFamily FindLabelEditCall(std::string_view name) {
  for (const auto& [known, family] : kCalls) {
    if (known == name) return family;
  }
  return nullptr;
}

}  // namespace varve::eval
