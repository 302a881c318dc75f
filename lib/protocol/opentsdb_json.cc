#include "lib/protocol/opentsdb_json.h"

#include <cmath>
#include <optional>

#include "lib/base/status.h"
#include "lib/protocol/line_words.h"
#include "lib/protocol/opentsdb_lines.h"

namespace varve::protocol {

OpenTsdbJsonReader::OpenTsdbJsonReader(std::string_view body, int64_t trim_ms,
                                       int64_t default_ms)
    : body_(body),
      trim_ms_(trim_ms),
      default_ms_(default_ms - default_ms % 1'000),
      points_(body),
      single_(points_.is_object()) {}

absl::Status OpenTsdbJsonReader::Check() {
  if (single_) {
    if (reader_.Read(body_)) return absl::OkStatus();
    return base::InvalidArgument("the body is not JSON");
  }
  if (!points_.is_array()) {
    return base::InvalidArgument(
        "the body is neither a JSON object nor an array");
  }
  JsonItems points(body_);
  int64_t number = 0;
  for (std::string_view point; points.Next(point);) {
    ++number;
    if (point.size() <= kJsonItemBytesMax && !reader_.Read(point)) {
      return base::InvalidArgument("item ", number, " is not JSON");
    }
  }
  if (!points.complete()) {
    return base::InvalidArgument("the body is not JSON after item ", number);
  }
  return absl::OkStatus();
}

std::string_view OpenTsdbJsonReader::ReadPoint(std::string_view text,
                                               SampleBatch& batch) {
  const auto point = reader_.Read(text);
  if (!point) return "longer than 1048576 bytes";
  const auto name = JsonMember(*point, "metric");
  const std::string_view metric = name ? JsonString(*name) : "";
  if (metric.empty()) return "no metric";
  int64_t ms = default_ms_;
  if (const auto time = JsonMember(*point, "timestamp")) {
    const std::optional<double> number = JsonNumber(*time);
    if (!number || !(std::abs(*number) < kSecondsMax)) {
      return "the timestamp is not a number";
    }
    const auto whole = static_cast<int64_t>(*number);
    if (whole != 0) ms = OpenTsdbMilliseconds(whole);
  }
  const auto value_text = JsonMember(*point, "value");
  const std::optional<double> value =
      value_text ? JsonNumber(*value_text) : std::nullopt;
  if (!value) return "the value is not a number";
  if (trim_ms_ > 1) ms -= ms % trim_ms_;
  labels_.Clear();
  if (const auto member = JsonMember(*point, "tags")) {
    simdjson::dom::object tags;
    if (member->get(tags) != simdjson::SUCCESS) return "tags are no object";
    for (const auto& tag : tags) {
      if (!tag.value.is_string()) return "a tag is no string";
      labels_.Add(tag.key, JsonString(tag.value));
    }
  }
  labels_.Seal();
  canonical_.clear();
  labels_.AppendCanonical(metric, canonical_);
  AppendRow(canonical_, ms, *value, batch);
  return "";
}

bool OpenTsdbJsonReader::Next(SampleBatch& batch, size_t rows_max) {
  std::string_view point = body_;
  while (!batch.full(rows_max)) {
    if (!single_ && (!points_.is_array() || !points_.Next(point))) return false;
    single_ = false;
    ++number_;
    const std::string_view why = ReadPoint(point, batch);
    if (!why.empty()) AddBad("item", number_, why);
  }
  return true;
}

}  // namespace varve::protocol
