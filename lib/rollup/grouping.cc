#include "lib/rollup/grouping.h"

#include <algorithm>
#include <utility>

#include "lib/base/byte_coding.h"

namespace varve::rollup {
namespace {

void AppendLabel(std::string_view name, std::string_view value,
                 std::string& key) {
  base::PutLengthPrefixed(key, name);
  base::PutLengthPrefixed(key, value);
}

}  // namespace

bool IsMetadataLabel(std::string_view name) {
  return name.starts_with("__") && (name == model::kMetricName ||
                                    name == "__type__" || name == "__unit__");
}

Grouping::Grouping(bool without, std::vector<std::string> names)
    : without_(without), names_(std::move(names)) {
  if (without_) names_.emplace_back(model::kMetricName);
  std::sort(names_.begin(), names_.end());
}

bool Grouping::Keeps(std::string_view name, bool without_metadata) const {
  if (without_metadata && IsMetadataLabel(name)) return false;
  const bool named =
      std::binary_search(names_.begin(), names_.end(), name, std::less<>());
  return named != without_;
}

void Grouping::Key(const model::LabelSet& labels, bool without_metadata,
                   std::string& key) const {
  key.clear();
  if (!without_ && names_.empty()) return;
  for (const model::Label& label : labels) {
    if (!Keeps(label.name, without_metadata)) continue;
    AppendLabel(label.name, label.value, key);
  }
}

bool Grouping::Key(std::string_view labels, bool without_metadata,
                   std::string& key) const {
  key.clear();
  if (!without_ && names_.empty()) return true;
  base::ByteReader reader(labels);
  while (!reader.empty()) {
    const std::string_view name = reader.LengthPrefixed();
    const std::string_view value = reader.LengthPrefixed();
    if (!reader.ok()) return false;
    if (Keeps(name, without_metadata)) AppendLabel(name, value, key);
  }
  return true;
}

model::LabelSet Grouping::Labels(const model::LabelSet& labels,
                                 bool without_metadata) const {
  std::vector<model::Label> kept;
  for (const model::Label& label : labels) {
    if (Keeps(label.name, without_metadata)) kept.push_back(label);
  }
  return model::LabelSet(std::move(kept));
}

}  // namespace varve::rollup
