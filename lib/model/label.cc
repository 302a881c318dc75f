#include "lib/model/label.h"

#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"

namespace varve::model {

LabelSet::LabelSet(std::initializer_list<Label> labels)
    : LabelSet(std::vector<Label>(labels)) {}

LabelSet::LabelSet(std::vector<Label> labels) : labels_(std::move(labels)) {
  const auto by_name = [](const Label& a, const Label& b) {
    return a.name < b.name;
  };
  // Most are: a stable sort takes memory even of those.
  if (!std::is_sorted(labels_.begin(), labels_.end(), by_name)) {
    std::stable_sort(labels_.begin(), labels_.end(), by_name);
  }
  size_t kept = 0;
  for (size_t i = 0; i < labels_.size(); ++i) {
    const bool repeated =
        i + 1 < labels_.size() && labels_[i].name == labels_[i + 1].name;
    if (repeated || labels_[i].value.empty()) continue;
    if (kept != i) labels_[kept] = std::move(labels_[i]);
    ++kept;
  }
  labels_.resize(kept);
}

std::string_view LabelSet::Get(std::string_view name) const {
  for (const Label& label : labels_) {
    if (label.name == name) return label.value;
  }
  return {};
}

void LabelSet::Set(std::string_view name, std::string_view value) {
  auto at = std::lower_bound(
      labels_.begin(), labels_.end(), name,
      [](const Label& label, std::string_view n) { return label.name < n; });
  const bool found = at != labels_.end() && at->name == name;
  if (value.empty()) {
    if (found) labels_.erase(at);
  } else if (found) {
    at->value = value;
  } else {
    labels_.insert(at, Label{std::string(name), std::string(value)});
  }
}

std::string LabelSet::Text() const {
  std::string text(Get(kMetricName));
  std::string_view separator = "{";
  for (const Label& label : labels_) {
    if (label.name == kMetricName) continue;
    base::StrAppend(&text, separator, label.name, "=\"", label.value, "\"");
    separator = ", ";
  }
  if (separator == ", ") text += '}';
  return text.empty() ? "{}" : text;
}

void AppendCanonicalBytes(std::string& out, const LabelSet& labels) {
  for (const Label& label : labels) {
    base::PutLengthPrefixed(out, label.name);
    base::PutLengthPrefixed(out, label.value);
  }
}

absl::StatusOr<LabelSet> ParseCanonicalBytes(std::string_view bytes) {
  // Counted first: then they are allocated once.
  size_t count = 0;
  for (base::ByteReader reader(bytes); reader.ok() && !reader.empty(); ++count) {
    if (reader.LengthPrefixed().empty()) break;
    reader.LengthPrefixed();
  }
  std::vector<Label> labels;
  labels.reserve(count);
  base::ByteReader reader(bytes);
  while (reader.ok() && !reader.empty()) {
    std::string_view name = reader.LengthPrefixed();
    std::string_view value = reader.LengthPrefixed();
    if (name.empty() || value.empty() ||
        (!labels.empty() && name <= labels.back().name)) {
      return base::DataLoss("label set of ", bytes.size(),
                            " bytes: an empty, unsorted or repeated label");
    }
    labels.push_back({std::string(name), std::string(value)});
  }
  if (!reader.AtEnd()) {
    return base::DataLoss("label set of ", bytes.size(), " bytes is cut off");
  }
  return LabelSet(std::move(labels));
}

SeriesHash HashSeries(const TenantId& tenant, std::string_view canonical) {
  std::string key;
  key.reserve(kTenantKeyBytes + canonical.size());
  AppendTenantKey(key, tenant);
  key.append(canonical);
  return base::Hash128Of(key);
}

}  // namespace varve::model
