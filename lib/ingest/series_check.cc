#include "lib/ingest/series_check.h"

#include <simdjson.h>

#include <algorithm>

#include "lib/base/strings.h"

namespace varve::ingest {
namespace {

std::string TooLong(std::string_view what, size_t bytes, int64_t bytes_max,
                    std::string_view flag) {
  return base::StrCat(what, " of ", bytes, " bytes is over ", bytes_max, " (",
                      flag, ")");
}

// Canonical bytes of `labels`, or a few more.
size_t SeriesBytes(const std::vector<model::Label>& labels) {
  constexpr size_t kLengthBytesMax = 3;  // of a text below kSeriesBytesMax
  size_t bytes = 0;
  for (const model::Label& label : labels) {
    if (label.value.empty()) continue;
    bytes += label.name.size() + label.value.size() + 2 * kLengthBytesMax;
  }
  return bytes;
}

// The first name that stands twice; "" for none.
std::string_view RepeatedName(const std::vector<model::Label>& labels) {
  std::vector<std::string_view> names;
  for (const model::Label& label : labels) {
    if (!label.value.empty()) names.push_back(label.name);
  }
  std::sort(names.begin(), names.end());
  const auto found = std::adjacent_find(names.begin(), names.end());
  return found == names.end() ? std::string_view() : *found;
}

}  // namespace

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
  if (names.size() > kSeriesLabelsMax ||
      SeriesBytes(labels) > kSeriesBytesMax) {
    return Rejection::kTooLargeSeries;
  }
  std::sort(names.begin(), names.end());
  if (std::adjacent_find(names.begin(), names.end()) != names.end()) {
    return Rejection::kDuplicateLabelName;
  }
  return Rejection::kNone;
}

std::string Explain(Rejection why, const std::vector<model::Label>& labels,
                    const SeriesLimits& limits) {
  size_t count = 0;
  size_t name_bytes = 0;  // of the first that is too long
  size_t value_bytes = 0;
  for (const model::Label& label : labels) {
    if (label.value.empty()) continue;
    ++count;
    const auto over = [](size_t bytes, int64_t bytes_max) {
      return static_cast<int64_t>(bytes) > bytes_max;
    };
    if (name_bytes == 0 && over(label.name.size(), limits.label_name_bytes_max))
      name_bytes = label.name.size();
    if (value_bytes == 0 &&
        over(label.value.size(), limits.label_value_bytes_max))
      value_bytes = label.value.size();
  }
  switch (why) {
    case Rejection::kTooManyLabels:
      return base::StrCat(count, " labels are over ", limits.labels_max,
                          " (", limits.labels_max_name, ")");
    case Rejection::kTooLongLabelName:
      return TooLong("label name", name_bytes, limits.label_name_bytes_max,
                     limits.label_name_max_name);
    case Rejection::kTooLongLabelValue:
      return TooLong("label value", value_bytes, limits.label_value_bytes_max,
                     limits.label_value_max_name);
    case Rejection::kInvalidUtf8:
      return "not valid UTF-8";
    case Rejection::kDuplicateLabelName:
      return base::StrCat("duplicate label name \"", RepeatedName(labels),
                          "\"");
    case Rejection::kEmptyLabelName:
      return "empty label name";
    case Rejection::kNoLabels:
      return "no labels";
    case Rejection::kNativeHistogram:
      return "a storage node of an older release stores no native histograms";
    case Rejection::kBadNativeHistogram:
      return "impossible native histograms";
    case Rejection::kTooLargeSeries:
      return base::StrCat("a series of ", count, " labels and ",
                          SeriesBytes(labels), " bytes is over ",
                          kSeriesLabelsMax, " labels or ", kSeriesBytesMax,
                          " bytes");
    case Rejection::kTooManyActiveSeries:
      return base::StrCat("the tenant has ", limits.active_series_max,
                          " active series, the most it may (",
                          kActiveSeriesKey, "); a new one");
    case Rejection::kTooLargeRelabeled:
      return "-relabelConfig makes the labels grow too large";
    case Rejection::kDroppedByRelabeling:
      return "dropped by -relabelConfig";
    case Rejection::kNone:
      break;
  }
  return "unknown reason";
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
    case Rejection::kTooLargeSeries:
      return "too_large_series";
    case Rejection::kBadNativeHistogram:
      return "invalid_native_histogram";
    case Rejection::kTooManyActiveSeries:
      return "active_series_limit";
    case Rejection::kDroppedByRelabeling:
      return "relabeling";
    case Rejection::kTooLargeRelabeled:
      return "too_large_relabeled";
  }
  return "unknown";
}

}  // namespace varve::ingest
