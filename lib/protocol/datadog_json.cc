#include "lib/protocol/datadog_json.h"

#include <cmath>
#include <optional>

#include "lib/base/status.h"
#include "lib/protocol/line_words.h"

namespace varve::protocol {
namespace {

constexpr std::string_view kSeries = "series";
constexpr std::string_view kPoints = "points";

bool IsNull(std::string_view json) { return json == "null"; }

// No string, unlike JsonNumber's.
std::optional<double> Number(const simdjson::dom::element& element) {
  double number = 0;
  if (element.get(number) != simdjson::SUCCESS) return std::nullopt;
  return number;
}

std::optional<double> ArrayNumber(const simdjson::dom::element& array,
                                  size_t index) {
  simdjson::dom::element element;
  if (array.at(index).get(element) != simdjson::SUCCESS) return std::nullopt;
  return Number(element);
}

}  // namespace

DatadogJsonReader::Parts DatadogJsonReader::PartsOf(std::string_view series) {
  Parts parts;
  JsonItems members(series);
  std::string_view key, value;
  while (members.Next(key, value)) {
    if (key == "metric") {
      parts.metric = value;
    } else if (key == "host") {
      parts.host = value;
    } else if (key == "device") {
      parts.device = value;
    } else if (key == "source_type_name") {
      parts.source_type_name = value;
    } else if (key == kPoints) {
      parts.points = value;
    } else if (key == "resources") {
      parts.resources = value;
    } else if (key == "tags") {
      parts.tags = value;
    }
  }
  return parts;
}

bool DatadogJsonReader::IsJson(std::string_view text) {
  // No series can have a string of that length: it makes its own a bad one.
  if (text.size() > kJsonItemBytesMax) return text.front() == '"';
  return reader_.Read(text).has_value();
}

bool DatadogJsonReader::IsJsonMember(std::string_view key,
                                     std::string_view value) {
  JsonItems items(value);
  if (value.size() <= kJsonItemBytesMax || !items.is_array() ||
      (key != kPoints && key != "tags" && key != "resources")) {
    return IsJson(value);
  }
  for (std::string_view item; items.Next(item);) {
    if (!IsJson(item)) return false;
  }
  return items.complete();
}

bool DatadogJsonReader::CheckSeries(std::string_view series) {
  JsonItems members(series);
  std::string_view key, value;
  while (members.Next(key, value)) {
    if (!IsJsonMember(key, value)) return false;
  }
  return members.is_object() && members.complete();
}

absl::Status DatadogJsonReader::Check() {
  JsonItems members(body_);
  if (!members.is_object()) {
    return base::InvalidArgument("the body is not a JSON object");
  }
  int64_t number = 0;
  std::string_view key, value;
  while (members.Next(key, value)) {
    JsonItems series(value);
    if (key != kSeries || IsNull(value)) {
      if (!IsJson(value)) {
        return base::InvalidArgument("the body is not JSON");
      }
      continue;
    }
    for (std::string_view one; series.Next(one);) {
      ++number;
      if (!CheckSeries(one)) {
        return base::InvalidArgument("series ", number,
                                     " is not a JSON object, or a part of it "
                                     "is longer than 1048576 bytes");
      }
    }
    if (!series.is_array() || !series.complete()) {
      return base::InvalidArgument("not a JSON array after series ", number);
    }
  }
  if (!members.complete()) {
    return base::InvalidArgument("the body is not JSON after series ", number);
  }
  return absl::OkStatus();
}

bool DatadogJsonReader::NextSeries(std::string_view& series) {
  while (!series_.is_array() || !series_.Next(series)) {
    std::string_view key, value;
    if (!members_.is_object() || !members_.Next(key, value)) return false;
    series_ = JsonItems(key == kSeries ? value : "");
  }
  return true;
}

bool DatadogJsonReader::TakeString(std::string_view json,
                                   std::string_view& text) {
  if (json.size() < 2 || json.front() != '"') return false;
  text = json.substr(1, json.size() - 2);
  if (text.find('\\') == std::string_view::npos) return true;
  const auto element = reader_.Read(json);
  if (!element) return false;
  text = texts_.Copy(JsonString(*element));
  return true;
}

bool DatadogJsonReader::TakeOptional(std::string_view json,
                                     std::string_view& text) {
  text = "";
  return json.empty() || IsNull(json) || TakeString(json, text);
}

std::string_view DatadogJsonReader::AddResources(std::string_view resources) {
  if (resources.empty() || IsNull(resources)) return "";
  JsonItems items(resources);
  if (!items.is_array()) return "resources are no array";
  for (std::string_view item; items.Next(item);) {
    JsonItems members(item);
    std::string_view key, value, type, name;
    while (members.Next(key, value)) {
      if (key != "type" && key != "name") continue;
      if (!TakeOptional(value, key == "type" ? type : name)) {
        return "a resource's type or name is no string";
      }
    }
    labels_.Add(type, name);
  }
  if (!items.complete()) return "resources are no array";
  return "";
}

std::string_view DatadogJsonReader::AddTags(std::string_view tags) {
  if (tags.empty() || IsNull(tags)) return "";
  JsonItems items(tags);
  if (!items.is_array()) return "tags are no array";
  for (std::string_view item; items.Next(item);) {
    std::string_view tag;
    if (!TakeString(item, tag)) return "a tag is no string";
    AddDatadogTag(tag, kExportedHost, labels_);
  }
  if (!items.complete()) return "tags are no array";
  return "";
}

std::string_view DatadogJsonReader::StartSeries(std::string_view series) {
  const Parts parts = PartsOf(series);
  labels_.Clear();
  texts_.Clear();
  std::string_view metric, host, device, source;
  if (!TakeOptional(parts.metric, metric)) return "the metric is no string";
  if (metric.empty()) return "no metric";
  if (!TakeOptional(parts.host, host)) return "the host is no string";
  if (!TakeOptional(parts.device, device)) return "the device is no string";
  if (!TakeOptional(parts.source_type_name, source)) {
    return "source_type_name is no string";
  }
  if (version_ == DatadogVersion::k1) {
    labels_.Add("host", host);
    labels_.Add("device", device);
  } else {
    const std::string_view why = AddResources(parts.resources);
    if (!why.empty()) return why;
  }
  const std::string_view why = AddTags(parts.tags);
  if (!why.empty()) return why;
  if (version_ == DatadogVersion::k2) labels_.Add("source_type_name", source);
  labels_.Seal();
  if (metric.size() + labels_.sealed_bytes() > kDatadogLabelBytesMax) {
    return kDatadogLabelsTooLong;
  }
  canonical_.clear();
  labels_.AppendCanonical(DatadogName(metric, options_), canonical_);
  points_ = JsonItems(parts.points);
  if (parts.points.empty() || IsNull(parts.points)) return "";
  return points_.is_array() ? "" : "points are no array";
}

std::string_view DatadogJsonReader::ReadPoint(std::string_view text,
                                              int64_t& ms, double& value) {
  const auto point = reader_.Read(text);
  if (!point) return "a point is broken JSON";
  std::optional<double> seconds, number;
  if (version_ == DatadogVersion::k1) {
    seconds = ArrayNumber(*point, 0);
    number = ArrayNumber(*point, 1);
  } else {
    const auto time = JsonMember(*point, "timestamp");
    seconds = time ? Number(*time) : 0;
    const auto member = JsonMember(*point, "value");
    if (member) number = Number(*member);
  }
  if (!seconds || !number) return "a point without numbers";
  if (!(std::abs(*seconds) < kSecondsMax)) {
    return "a timestamp is out of range";
  }
  ms = DatadogMilliseconds(*seconds, options_);
  value = *number;
  return "";
}

bool DatadogJsonReader::NextPoint(int64_t& ms, double& value) {
  for (std::string_view point; points_.is_array() && points_.Next(point);) {
    const std::string_view why = ReadPoint(point, ms, value);
    if (why.empty()) return true;
    AddBad(kSeries, number_, why);
  }
  return false;
}

bool DatadogJsonReader::Next(SampleBatch& batch, size_t rows_max) {
  while (!batch.full(rows_max)) {
    if (!in_series_) {
      std::string_view series;
      if (!NextSeries(series)) return false;
      ++number_;
      const std::string_view why = StartSeries(series);
      if (!why.empty()) {
        AddBad(kSeries, number_, why);
        continue;
      }
    }
    in_series_ = AppendRows(
        canonical_, rows_max,
        [this](int64_t& ms, double& value) { return NextPoint(ms, value); },
        batch);
  }
  return true;
}

}  // namespace varve::protocol
