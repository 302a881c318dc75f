// One relabeling rule: as it is written, and ready to be applied.
//
// Threads: a Rule is immutable and may be shared; Work is of one thread.
// Source:  Prometheus' relabel_config, and the actions and fields that
//          VictoriaMetrics adds to it.
#ifndef VARVE_LIB_RELABEL_RULE_H_
#define VARVE_LIB_RELABEL_RULE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/model/label.h"
#include "lib/model/matcher.h"
#include "lib/relabel/graphite.h"
#include "lib/relabel/regex.h"
#include "lib/relabel/replacement.h"

namespace varve::relabel {

// What bounds the work on one series whatever the rules say. A label set that
// storage nodes take is far below both.
inline constexpr size_t kLabelsMax = 4096;
inline constexpr size_t kWrittenBytesMax = 4 << 20;

// The fields of a rule; absent ones have their defaults in the comment.
struct RuleFields {
  std::vector<std::string> conditions;  // `if`: selectors, one must match
  std::string action;                   // replace
  std::vector<std::string> source_labels;
  std::optional<std::string> separator;  // ;
  std::string target_label;
  std::optional<std::vector<std::string>> regex;  // alternatives; (.*)
  uint64_t modulus = 0;
  std::optional<std::string> replacement;  // $1
  std::string match;
  std::vector<std::pair<std::string, std::string>> labels;

  // As YAML, a line a field.
  std::string Text() const;
};

// The labels under way and the scratch space of rules.
struct Work {
  explicit Work(Labels& series) : labels(series) {}

  // Both are false when a bound is reached.
  bool Set(std::string_view name, std::string_view value);
  bool Charge(size_t bytes);
  // `renamed` take the places of those that have their names.
  bool SetAll(Labels renamed);

  Labels& labels;
  size_t bytes_left = kWrittenBytesMax;
  std::string source;  // the joined source labels
  std::string name;
  std::string value;
  std::vector<std::string_view> groups;
};

enum class Outcome : uint8_t { kKept, kDropped, kTooLarge };

class Rule {
 public:
  // InvalidArgument says what is missing, too much or does not parse.
  static absl::StatusOr<Rule> Make(RuleFields fields, int64_t regex_bytes_max);

  // Labels may be left with empty names or values: they do not exist.
  Outcome Apply(Work& work) const;

  const RuleFields& fields() const { return fields_; }

 private:
  using Method = Outcome (Rule::*)(Work&) const;
  struct ActionRow;
  static const ActionRow* FindAction(std::string_view name);

  absl::Status Check(const ActionRow& row) const;
  absl::Status MakeConditions();
  bool ConditionHolds(const Labels& labels) const;
  // Fills work.source; false when a bound is reached.
  bool Join(Work& work) const;

  Outcome Replace(Work& work) const;
  Outcome ReplaceAll(Work& work) const;
  Outcome Keep(Work& work) const;
  Outcome Drop(Work& work) const;
  Outcome KeepEqual(Work& work) const;
  Outcome DropEqual(Work& work) const;
  Outcome KeepIfEqual(Work& work) const;
  Outcome DropIfEqual(Work& work) const;
  Outcome KeepIfContains(Work& work) const;
  Outcome DropIfContains(Work& work) const;
  Outcome HashMod(Work& work) const;
  Outcome LabelMap(Work& work) const;
  Outcome LabelMapAll(Work& work) const;
  Outcome LabelDrop(Work& work) const;
  Outcome LabelKeep(Work& work) const;
  Outcome Lowercase(Work& work) const;
  Outcome Uppercase(Work& work) const;
  Outcome Graphite(Work& work) const;

  bool AllEqual(const Labels& labels) const;
  bool ContainsAll(const Labels& labels) const;
  // Every match of the regex in `text` replaced, into work.value.
  bool ReplaceMatches(std::string_view text, Work& work) const;

  RuleFields fields_;
  const ActionRow* action_ = nullptr;
  std::string separator_ = ";";
  std::vector<std::string> source_labels_;
  std::vector<std::vector<model::CompiledMatcher>> conditions_;
  Regex regex_;
  Replacement replacement_;
  Replacement target_;
  GraphitePattern pattern_;
  std::vector<std::pair<std::string, GraphiteTemplate>> templates_;
};

}  // namespace varve::relabel

#endif  // VARVE_LIB_RELABEL_RULE_H_
