#include "lib/eval/matching.h"

#include <algorithm>
#include <utility>

#include "lib/eval/value.h"

namespace varve::eval {

Matching::Matching(const promql::VectorMatching& matching)
    : matching_(matching), names_(matching.labels) {
  if (!matching.on) {
    names_.emplace_back(model::kMetricName);
    // As Prometheus: with ignoring(...) the type and unit still count.
    if (matching.labels.empty()) {
      names_.emplace_back("__type__");
      names_.emplace_back("__unit__");
    }
  }
  std::sort(names_.begin(), names_.end());
}

bool Matching::Keeps(const std::string& name) const {
  return std::binary_search(names_.begin(), names_.end(), name) == matching_.on;
}

model::LabelSet Matching::SignatureLabels(const model::LabelSet& labels) const {
  std::vector<model::Label> kept;
  for (const model::Label& label : labels) {
    if (Keeps(label.name)) kept.push_back(label);
  }
  return model::LabelSet(std::move(kept));
}

std::string Matching::Signature(const model::LabelSet& labels) const {
  std::string bytes;
  model::AppendCanonicalBytes(bytes, SignatureLabels(labels));
  return bytes;
}

// group_left(…): `*` are all labels but those matched on.
void Matching::Include(const model::LabelSet& one,
                       model::LabelSet& labels) const {
  const std::string& prefix = matching_.include_prefix;
  for (const std::string& name : matching_.include) {
    if (name != "*") {
      labels.Set(prefix + name, one.Get(name));
      continue;
    }
    for (const model::Label& label : one) {
      if (label.name == model::kMetricName) continue;
      if (matching_.on && Keeps(label.name)) continue;
      labels.Set(prefix + label.name, label.value);
    }
  }
}

model::LabelSet Matching::ResultLabels(const model::LabelSet& many,
                                       const model::LabelSet& one,
                                       bool drop_metadata) const {
  std::vector<model::Label> kept;
  const bool one_to_one =
      matching_.cardinality == promql::MatchCardinality::kOneToOne;
  for (const model::Label& label : many) {
    if (drop_metadata && IsMetadataLabel(label.name)) continue;
    if (one_to_one) {
      const bool named =
          std::find(matching_.labels.begin(), matching_.labels.end(),
                    label.name) != matching_.labels.end();
      if (named != matching_.on) continue;
    }
    kept.push_back(label);
  }
  model::LabelSet labels(std::move(kept));
  Include(one, labels);
  return labels;
}

}  // namespace varve::eval
