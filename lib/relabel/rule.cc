// A rule from its fields: which action wants what.
#include "lib/relabel/rule.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "lib/base/status.h"
#include "lib/promql/parser.h"
#include "lib/relabel/rule_actions.h"

namespace varve::relabel {

const Rule::ActionRow* Rule::FindAction(std::string_view name) {
  using R = Rule;
  // Actions without a regex of their own refuse one, as it would be ignored.
  static const ActionRow kActions[] = {
      {.name = "replace", .method = &R::Replace, .target = true},
      {"replace_all", &R::ReplaceAll, 1, true},
      {.name = "keep", .method = &R::Keep, .sources_or_if = true},
      {.name = "drop", .method = &R::Drop, .sources_or_if = true},
      {.name = "keep_metrics", .method = &R::Keep, .by_name = true},
      {.name = "drop_metrics", .method = &R::Drop, .by_name = true},
      {.name = "keepequal",
       .method = &R::KeepEqual,
       .target = true,
       .no_regex = true},
      {.name = "dropequal",
       .method = &R::DropEqual,
       .target = true,
       .no_regex = true},
      {.name = "keep_if_equal",
       .method = &R::KeepIfEqual,
       .sources_min = 2,
       .no_target = true,
       .no_regex = true},
      {.name = "drop_if_equal",
       .method = &R::DropIfEqual,
       .sources_min = 2,
       .no_target = true,
       .no_regex = true},
      {.name = "keep_if_contains",
       .method = &R::KeepIfContains,
       .sources_min = 1,
       .target = true,
       .no_regex = true},
      {.name = "drop_if_contains",
       .method = &R::DropIfContains,
       .sources_min = 1,
       .target = true,
       .no_regex = true},
      {"hashmod", &R::HashMod, 1, true},
      {.name = "labelmap", .method = &R::LabelMap},
      {.name = "labelmap_all", .method = &R::LabelMapAll},
      {.name = "labeldrop", .method = &R::LabelDrop},
      {.name = "labelkeep", .method = &R::LabelKeep},
      {"lowercase", &R::Lowercase, 1, true},
      {"uppercase", &R::Uppercase, 1, true},
      {.name = "graphite",
       .method = &R::Graphite,
       .no_sources = true,
       .no_target = true,
       .no_regex = true,
       .graphite = true},
  };
  for (const ActionRow& row : kActions) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

absl::Status Rule::Check(const ActionRow& row) const {
  const auto wrong = [&row](std::string_view what) {
    return base::InvalidArgument(what, " for action ", row.name);
  };
  const size_t sources = fields_.source_labels.size();
  const bool has_condition = !fields_.conditions.empty();
  if (sources < row.sources_min) {
    return wrong(row.sources_min > 1
                     ? "source_labels must name at least two labels"
                     : "missing source_labels");
  }
  if (row.sources_or_if && sources == 0 && !has_condition) {
    return wrong("missing source_labels or if");
  }
  if ((row.no_sources || row.by_name) && sources > 0) {
    return wrong("source_labels cannot be used");
  }
  if (row.by_name && !has_condition &&
      (!fields_.regex || absl::StrJoin(*fields_.regex, "|").empty())) {
    return wrong("missing regex or if");
  }
  if (row.target && fields_.target_label.empty()) {
    return wrong("missing target_label");
  }
  if (row.no_target && !fields_.target_label.empty()) {
    return wrong("target_label cannot be used");
  }
  if (row.no_regex && fields_.regex) return wrong("regex cannot be used");
  if (row.method == &Rule::HashMod && fields_.modulus == 0) {
    return wrong("modulus must be above 0");
  }
  if (row.graphite && fields_.match.empty()) return wrong("missing match");
  if (row.graphite && fields_.labels.empty()) return wrong("missing labels");
  if (row.graphite && fields_.replacement) {
    return wrong("replacement cannot be used");
  }
  if (!row.graphite && !fields_.match.empty()) {
    return wrong("match cannot be used");
  }
  if (!row.graphite && !fields_.labels.empty()) {
    return wrong("labels cannot be used");
  }
  return absl::OkStatus();
}

absl::Status Rule::MakeConditions() {
  for (const std::string& text : fields_.conditions) {
    const auto groups =
        promql::ParseSelectorGroups(text, /*allow_match_all=*/true);
    if (!groups.ok()) {
      return base::InvalidArgument("if: ", text, ": ",
                                   base::Message(groups.status()));
    }
    for (const model::Matchers& matchers : *groups) {
      auto& condition = conditions_.emplace_back();
      for (const model::Matcher& matcher : matchers) {
        ASSIGN_OR_RETURN(auto compiled, model::CompiledMatcher::Make(matcher));
        condition.push_back(std::move(compiled));
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Rule> Rule::Make(RuleFields fields, int64_t regex_bytes_max) {
  Rule rule;
  rule.fields_ = std::move(fields);
  const RuleFields& written = rule.fields_;
  const std::string action =
      written.action.empty() ? "replace" : absl::AsciiStrToLower(written.action);
  rule.action_ = FindAction(action);
  if (rule.action_ == nullptr) {
    return base::InvalidArgument("unknown action ", written.action);
  }
  RETURN_IF_ERROR(rule.Check(*rule.action_));
  RETURN_IF_ERROR(rule.MakeConditions());
  if (written.separator) rule.separator_ = *written.separator;
  rule.source_labels_ = written.source_labels;
  if (rule.action_->by_name) rule.source_labels_ = {"__name__"};
  if (written.regex) {
    ASSIGN_OR_RETURN(rule.regex_,
                     Regex::Make(absl::StrJoin(*written.regex, "|"),
                                 regex_bytes_max));
  }
  using References = Replacement::LabelReferences;
  rule.replacement_ = Replacement(
      written.replacement.value_or("$1"), rule.regex_,
      rule.action_->method == &Rule::Replace ? References::kYes
                                             : References::kNo);
  rule.target_ =
      Replacement(written.target_label, rule.regex_, References::kNo);
  rule.pattern_ = GraphitePattern(written.match);
  for (const auto& [name, text] : written.labels) {
    rule.templates_.emplace_back(name, GraphiteTemplate(text));
  }
  return rule;
}

bool Rule::ConditionHolds(const Labels& labels) const {
  if (conditions_.empty()) return true;
  for (const auto& matchers : conditions_) {
    bool all = true;
    for (const model::CompiledMatcher& matcher : matchers) {
      all = matcher.Matches(ValueOf(labels, matcher.matcher().name));
      if (!all) break;
    }
    if (all) return true;
  }
  return false;
}

Outcome Rule::Apply(Work& work) const {
  if (!ConditionHolds(work.labels)) {
    // A keep keeps what its condition says.
    return action_->method == &Rule::Keep ? Outcome::kDropped : Outcome::kKept;
  }
  return (this->*action_->method)(work);
}

}  // namespace varve::relabel
