#include "lib/eval/grouping.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "lib/eval/value.h"

namespace varve::eval {
namespace {

void AppendSized(std::string& key, const std::string& text) {
  const uint32_t size = static_cast<uint32_t>(text.size());
  key.append(reinterpret_cast<const char*>(&size), sizeof(size));
  key.append(text);
}

}  // namespace

Grouping::Grouping(const promql::AggregateExpr& expr, const std::string& extra)
    : without_(expr.without), names_(expr.grouping) {
  if (without_) {
    names_.emplace_back(model::kMetricName);
  } else if (!extra.empty()) {
    names_.push_back(extra);
  }
  std::sort(names_.begin(), names_.end());
}

bool Grouping::Keeps(const std::string& name, bool without_metadata) const {
  if (without_metadata && IsMetadataLabel(name)) return false;
  const bool named = std::binary_search(names_.begin(), names_.end(), name);
  return named != without_;
}

void Grouping::Key(const model::LabelSet& labels, bool without_metadata,
                   std::string& key) const {
  key.clear();
  if (!without_ && names_.empty()) return;
  for (const model::Label& label : labels) {
    if (!Keeps(label.name, without_metadata)) continue;
    AppendSized(key, label.name);
    AppendSized(key, label.value);
  }
}

model::LabelSet Grouping::Labels(const model::LabelSet& labels,
                                 bool without_metadata) const {
  std::vector<model::Label> kept;
  for (const model::Label& label : labels) {
    if (Keeps(label.name, without_metadata)) kept.push_back(label);
  }
  return model::LabelSet(std::move(kept));
}

}  // namespace varve::eval
