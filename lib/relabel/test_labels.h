// Labels written as text, for tests.
#ifndef VARVE_LIB_RELABEL_TEST_LABELS_H_
#define VARVE_LIB_RELABEL_TEST_LABELS_H_

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

#include "lib/base/status.h"
#include "lib/promql/parser.h"
#include "lib/relabel/rule_set.h"

namespace varve::relabel {

// {__name__="up",job="x"} from up{job="x"}.
inline Labels LabelsOf(std::string_view text) {
  Labels labels;
  const auto matchers = promql::ParseSelector(text, /*allow_match_all=*/true);
  CAPTURE(std::string(text));
  REQUIRE(matchers.ok());
  for (const model::Matcher& matcher : *matchers) {
    labels.push_back({matcher.name, matcher.value});
  }
  return labels;
}

inline RuleSet RulesOf(std::string_view yaml) {
  auto rules = RuleSet::Parse(yaml, kFileLimits);
  CAPTURE(std::string(yaml), std::string(base::Message(rules.status())));
  REQUIRE(rules.ok());
  return *std::move(rules);
}

// up{a="b",job="x"}, sorted.
inline std::string TextOf(const Labels& labels) {
  const model::LabelSet sorted(labels);
  std::string text;
  for (const model::Label& label : sorted) {
    if (label.name == model::kMetricName) continue;
    base::StrAppend(&text, text.empty() ? "{" : ",", label.name, "=\"",
                    label.value, "\"");
  }
  const std::string name(sorted.Get(model::kMetricName));
  return text.empty() ? name : name + text + "}";
}

// `metric` after the rules; "dropped" and "too large" for what is not kept.
inline std::string Relabeled(std::string_view yaml, std::string_view metric) {
  Labels labels = LabelsOf(metric);
  switch (RulesOf(yaml).Apply(labels)) {
    case Outcome::kDropped: return "dropped";
    case Outcome::kTooLarge: return "too large";
    case Outcome::kKept: break;
  }
  return TextOf(labels);
}

}  // namespace varve::relabel

#endif  // VARVE_LIB_RELABEL_TEST_LABELS_H_
