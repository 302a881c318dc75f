#include "lib/relabel/rule_set.h"

namespace varve::relabel {
namespace {

void RemoveEmptyLabels(Labels& labels) {
  std::erase_if(labels, [](const model::Label& label) {
    return label.name.empty() || label.value.empty();
  });
}

void AddStep(std::string rule, const Labels& in, const Labels& out,
             std::vector<RuleSet::Step>& steps) {
  if (in != out) steps.push_back({std::move(rule), in, out});
}

}  // namespace

void RemoveInternalLabels(Labels& labels) {
  std::erase_if(labels, [](const model::Label& label) {
    return label.name.starts_with("__") && label.name != model::kMetricName;
  });
}

Outcome RuleSet::Apply(Labels& labels) const {
  if (rules_.empty()) return Outcome::kKept;
  if (labels.size() > kLabelsMax) return Outcome::kTooLarge;
  Work work(labels);
  for (const Rule& rule : rules_) {
    const Outcome outcome = rule.Apply(work);
    if (outcome != Outcome::kKept) return outcome;
  }
  RemoveEmptyLabels(labels);
  RemoveInternalLabels(labels);
  return labels.empty() ? Outcome::kDropped : Outcome::kKept;
}

std::vector<RuleSet::Step> RuleSet::Explain(Labels labels,
                                            size_t written_bytes_max) const {
  std::vector<Step> steps;
  Work work(labels);
  work.bytes_left = written_bytes_max;
  for (const Rule& rule : rules_) {
    Step& step = steps.emplace_back(Step{rule.fields().Text(), labels, {}});
    const Outcome outcome = rule.Apply(work);
    if (outcome == Outcome::kTooLarge) {
      step.rule += "error: the labels grow too large\n";
    }
    if (outcome != Outcome::kKept) return steps;
    step.out = labels;
  }
  Labels before = labels;
  RemoveEmptyLabels(labels);
  AddStep("remove empty labels", before, labels, steps);
  return steps;
}

}  // namespace varve::relabel
