// Relabeling rules in their order, from YAML to changed labels.
//
//   ASSIGN_OR_RETURN(const auto rules, relabel::RuleSet::Parse(text, limits));
//   switch (rules.Apply(labels)) { case relabel::Outcome::kDropped: ...
//
// In:      a YAML list of rules (rule.h has their fields); `regex` and `if`
//          take a text or a list. An empty text has no rules.
// Errors:  InvalidArgument names the rule and its line. Unknown fields, fields
//          twice and fields of the wrong type are errors.
// Threads: immutable after parsing, may be shared.
// Source:  Prometheus' relabel_config and VictoriaMetrics' relabeling.
#ifndef VARVE_LIB_RELABEL_RULE_SET_H_
#define VARVE_LIB_RELABEL_RULE_SET_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/relabel/rule.h"

namespace varve::relabel {

struct ParseLimits {
  size_t rules_max;
  int64_t regex_bytes_max;  // of memory, each
};
// For files of operators, where a regex may list thousands of names.
inline constexpr ParseLimits kFileLimits = {10'000, 64 << 20};
// For texts that anyone may send.
inline constexpr ParseLimits kRequestLimits = {200, 1 << 20};

class RuleSet {
 public:
  RuleSet() = default;
  static absl::StatusOr<RuleSet> Parse(std::string_view yaml,
                                       const ParseLimits& limits);

  bool empty() const { return rules_.empty(); }
  size_t size() const { return rules_.size(); }

  // Applies all rules. What is left then has names and values, and no names
  // that begin with two underscores but __name__; nothing left is kDropped.
  // Nothing happens to `labels` when there are no rules. After kDropped and
  // kTooLarge `labels` have no meaning.
  Outcome Apply(Labels& labels) const;

  // The same, told step by step. Of internal labels nothing is said; rules
  // may write `written_bytes_max`.
  struct Step {
    std::string rule;
    Labels in;
    Labels out;
  };
  std::vector<Step> Explain(Labels labels, size_t written_bytes_max) const;

 private:
  std::vector<Rule> rules_;
};

// Without names that begin with two underscores, but for __name__.
void RemoveInternalLabels(Labels& labels);

}  // namespace varve::relabel

#endif  // VARVE_LIB_RELABEL_RULE_SET_H_
