#include "lib/protocol/histogram_json.h"

#include <rapidjson/document.h>

#include <bit>
#include <charconv>
#include <cmath>

#include "lib/base/status.h"

namespace varve::protocol {
namespace {

constexpr std::string_view kResetTexts[] = {"unknown", "yes", "no", "gauge"};

template <typename Number>
void AppendText(std::string& out, Number number) {
  char text[32];
  out.append(text, std::to_chars(text, text + sizeof(text), number).ptr);
}

void AppendFloat(std::string& out, double value) {
  if (std::isnan(value)) {
    char hex[20];
    const auto end = std::to_chars(hex, hex + sizeof(hex),
                                   std::bit_cast<uint64_t>(value), 16);
    base::StrAppend(&out, "\"NaN:", std::string_view(hex, end.ptr - hex),
                    "\"");
  } else if (std::isinf(value)) {
    out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  } else if (value == 0 && std::signbit(value)) {
    out += "-0.0";
  } else {
    AppendText(out, value);
  }
}

void AppendCount(std::string& out, bool floats, uint64_t count) {
  if (floats) return AppendFloat(out, std::bit_cast<double>(count));
  AppendText(out, count);
}

void AppendSide(std::string& out, std::string_view side,
                const std::vector<model::HistogramSpan>& spans,
                const model::Histogram& histogram, size_t begin, size_t end) {
  base::StrAppend(&out, ",\"", side, "_spans\":[");
  for (size_t i = 0; i < spans.size(); ++i) {
    base::StrAppend(&out, i == 0 ? "[" : ",[", spans[i].offset, ",",
                    spans[i].length, "]");
  }
  base::StrAppend(&out, "],\"", side, "_buckets\":[");
  for (size_t i = begin; i < end; ++i) {
    if (i > begin) out.push_back(',');
    AppendCount(out, histogram.layout.float_counts, histogram.buckets[i]);
  }
  out.push_back(']');
}

using Json = rapidjson::Value;

// Numbers come as strings, by the parser's flag.
std::string_view TextOf(const Json& json) {
  return json.IsString()
             ? std::string_view(json.GetString(), json.GetStringLength())
             : std::string_view();
}

template <typename Int>
bool ReadInt(const Json& json, Int& out, int base = 10) {
  const std::string_view text = TextOf(json);
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, out, base);
  return error == std::errc() && at == end;
}

bool ReadFloat(const Json& json, double& out) {
  const std::string_view text = TextOf(json);
  if (text.starts_with("NaN:")) {
    uint64_t bits = 0;
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data() + 4, end, bits, 16);
    out = std::bit_cast<double>(bits);
    return error == std::errc() && at == end && std::isnan(out);
  }
  if (text == "Infinity" || text == "-Infinity") {
    out = text[0] == '-' ? -HUGE_VAL : HUGE_VAL;
    return true;
  }
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, out);
  return error == std::errc() && at == end && !text.empty();
}

bool ReadCount(const Json& json, bool floats, uint64_t& out) {
  if (!floats) return ReadInt(json, out);
  double value = 0;
  if (!ReadFloat(json, value)) return false;
  out = std::bit_cast<uint64_t>(value);
  return true;
}

// Calls read(element) for each of the array `name`; an absent one is empty.
template <typename Read>
bool ReadArray(const Json& object, const char* name, Read&& read) {
  const auto member = object.FindMember(name);
  if (member == object.MemberEnd()) return true;
  if (!member->value.IsArray()) return false;
  for (const Json& element : member->value.GetArray()) {
    if (!read(element)) return false;
  }
  return true;
}

template <typename Read>
bool ReadMember(const Json& object, const char* name, Read&& read) {
  const auto member = object.FindMember(name);
  return member == object.MemberEnd() || read(member->value);
}

bool ReadSide(const Json& object, const std::string& side, bool floats,
              std::vector<model::HistogramSpan>& spans,
              std::vector<uint64_t>& buckets) {
  return ReadArray(object, (side + "_spans").c_str(),
                   [&](const Json& span) {
                     spans.emplace_back();
                     return span.IsArray() && span.Size() == 2 &&
                            ReadInt(span[0], spans.back().offset) &&
                            ReadInt(span[1], spans.back().length);
                   }) &&
         ReadArray(object, (side + "_buckets").c_str(),
                   [&](const Json& bucket) {
                     buckets.emplace_back();
                     return ReadCount(bucket, floats, buckets.back());
                   });
}

bool ReadReset(const Json& json, model::CounterReset& reset) {
  for (uint8_t i = 0; i < std::size(kResetTexts); ++i) {
    if (TextOf(json) != kResetTexts[i]) continue;
    reset = static_cast<model::CounterReset>(i);
    return true;
  }
  return false;
}

bool ReadHistogram(const Json& object, model::Histogram& histogram,
                   size_t& positive) {
  if (!object.IsObject()) return false;
  model::HistogramLayout& layout = histogram.layout;
  const auto floats = object.FindMember("float_counts");
  layout.float_counts = floats != object.MemberEnd() &&
                        floats->value.IsBool() && floats->value.GetBool();
  if (!ReadSide(object, "positive", layout.float_counts, layout.positive,
                histogram.buckets)) {
    return false;
  }
  positive = histogram.buckets.size();
  const auto count = [&](uint64_t& to) {
    return [&, to = &to](const Json& json) {
      return ReadCount(json, layout.float_counts, *to);
    };
  };
  const auto number = [](double& to) {
    return [to = &to](const Json& json) { return ReadFloat(json, *to); };
  };
  return ReadSide(object, "negative", layout.float_counts, layout.negative,
                  histogram.buckets) &&
         ReadArray(object, "custom_bounds",
                   [&](const Json& bound) {
                     layout.custom_bounds.emplace_back();
                     return ReadFloat(bound, layout.custom_bounds.back());
                   }) &&
         ReadMember(
             object, "schema",
             [&](const Json& json) { return ReadInt(json, layout.schema); }) &&
         ReadMember(object, "reset",
                    [&](const Json& json) {
                      return ReadReset(json, histogram.reset);
                    }) &&
         ReadMember(object, "count", count(histogram.count)) &&
         ReadMember(object, "zero_count", count(histogram.zero_count)) &&
         ReadMember(object, "sum", number(histogram.sum)) &&
         ReadMember(object, "zero_threshold", number(layout.zero_threshold));
}

// Appends one [timestamp_ms,{…}]; "" or what is wrong.
std::string ReadRow(const Json& row, SampleBatch& batch) {
  int64_t at_ms = 0;
  model::Histogram histogram;
  size_t positive = 0;
  if (!row.IsArray() || row.Size() != 2 || !ReadInt(row[0], at_ms) ||
      !ReadHistogram(row[1], histogram, positive)) {
    return "a histogram that cannot be read";
  }
  const absl::Status status = model::CheckHistogram(histogram);
  if (!status.ok()) return std::string(base::Message(status));
  if (positive != histogram.layout.positive_buckets()) {
    return "a histogram with buckets on the wrong side";
  }
  std::string bytes;
  model::AppendHistogramBytes(bytes, histogram);
  batch.histogram_timestamps_ms.push_back(at_ms);
  batch.histograms.push_back(batch.arena.Copy(bytes));
  return "";
}

}  // namespace

void AppendHistogramJson(std::string& out, const model::Histogram& histogram) {
  const model::HistogramLayout& layout = histogram.layout;
  base::StrAppend(&out, "{\"schema\":", layout.schema, ",\"count\":");
  AppendCount(out, layout.float_counts, histogram.count);
  out += ",\"sum\":";
  AppendFloat(out, histogram.sum);
  out += ",\"zero_threshold\":";
  AppendFloat(out, layout.zero_threshold);
  out += ",\"zero_count\":";
  AppendCount(out, layout.float_counts, histogram.zero_count);
  const size_t positive = layout.positive_buckets();
  AppendSide(out, "positive", layout.positive, histogram, 0, positive);
  AppendSide(out, "negative", layout.negative, histogram, positive,
             histogram.buckets.size());
  if (layout.float_counts) out += ",\"float_counts\":true";
  if (!layout.custom_bounds.empty()) {
    out += ",\"custom_bounds\":[";
    for (size_t i = 0; i < layout.custom_bounds.size(); ++i) {
      if (i > 0) out.push_back(',');
      AppendFloat(out, layout.custom_bounds[i]);
    }
    out.push_back(']');
  }
  if (histogram.reset != model::CounterReset::kUnknown) {
    base::StrAppend(&out, ",\"reset\":\"",
                    kResetTexts[static_cast<uint8_t>(histogram.reset)], "\"");
  }
  out.push_back('}');
}

std::string ReadHistogramsMember(std::string_view line, SampleBatch& batch) {
  // Iterative: deep nesting must not become deep recursion.
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag |
                              rapidjson::kParseNumbersAsStringsFlag;
  rapidjson::Document document;
  document.Parse<kFlags>(line.data(), line.size());
  if (document.HasParseError() || !document.IsObject()) return "not JSON";
  const auto member = document.FindMember("histograms");
  if (member == document.MemberEnd()) return "";
  if (!member->value.IsArray()) return "histograms is no array";
  if (member->value.Size() > kSeriesHistogramsMax) {
    return base::StrCat("more than ", kSeriesHistogramsMax, " histograms");
  }
  const size_t before = batch.histograms.size();
  for (const Json& row : member->value.GetArray()) {
    std::string why = ReadRow(row, batch);
    if (why.empty()) continue;
    batch.histograms.resize(before);
    batch.histogram_timestamps_ms.resize(before);
    return why;
  }
  return "";
}

}  // namespace varve::protocol
