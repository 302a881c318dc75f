#include "lib/ingest/series_check.h"

#include <simdjson.h>

#include <algorithm>

namespace varve::ingest {

Rejection CheckSeries(const std::vector<model::Label>& labels,
                      const SeriesLimits& limits) {
  std::vector<std::string_view> names;
  names.reserve(labels.size());
  for (const model::Label& label : labels) {
    if (label.value.empty()) continue;
    if (label.name.empty()) return Rejection::kEmptyLabelName;
    if (static_cast<int64_t>(label.name.size()) > limits.label_name_bytes_max) {
      return Rejection::kTooLongLabelName;
    }
    if (static_cast<int64_t>(label.value.size()) >
        limits.label_value_bytes_max) {
      return Rejection::kTooLongLabelValue;
    }
    if (!simdjson::validate_utf8(label.name) ||
        !simdjson::validate_utf8(label.value)) {
      return Rejection::kInvalidUtf8;
    }
    names.push_back(label.name);
  }
  if (names.empty()) return Rejection::kNoLabels;
  if (static_cast<int64_t>(names.size()) > limits.labels_max) {
    return Rejection::kTooManyLabels;
  }
  std::sort(names.begin(), names.end());
  if (std::adjacent_find(names.begin(), names.end()) != names.end()) {
    return Rejection::kDuplicateLabelName;
  }
  return Rejection::kNone;
}

std::string_view ReasonOf(Rejection rejection) {
  switch (rejection) {
    case Rejection::kNone:
      return "none";
    case Rejection::kTooManyLabels:
      return "too_many_labels";
    case Rejection::kTooLongLabelName:
      return "too_long_label_name";
    case Rejection::kTooLongLabelValue:
      return "too_long_label_value";
    case Rejection::kInvalidUtf8:
      return "invalid_utf8";
    case Rejection::kDuplicateLabelName:
      return "duplicate_label_name";
    case Rejection::kEmptyLabelName:
      return "empty_label_name";
    case Rejection::kNoLabels:
      return "no_labels";
    case Rejection::kNativeHistogram:
      return "native_histogram";
  }
  return "unknown";
}

}  // namespace varve::ingest
