#include "lib/protocol/graphite_lines.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "lib/protocol/line_words.h"
#include "lib/protocol/prometheus_text.h"

namespace varve::protocol {
namespace {

constexpr std::string_view kSeparators = " \t";

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == ':' || c == '_' || c == '.';
}

}  // namespace

GraphiteLinesReader::GraphiteLinesReader(std::string_view text,
                                         const GraphiteOptions& options,
                                         int64_t default_ms,
                                         int64_t line_bytes_max)
    : ImportReader(text, line_bytes_max, ""),
      options_(options),
      default_ms_(default_ms - default_ms % 1'000) {}

std::string_view GraphiteLinesReader::Sanitized(std::string_view metric) {
  metric_.clear();
  for (const char c : metric) {
    if (c == '.' && metric_.ends_with('.')) continue;
    metric_.push_back(IsNameByte(c) ? c : '_');
  }
  return metric_;
}

void GraphiteLinesReader::ReadLine(std::string_view line, SampleBatch& batch) {
  const std::string_view path = TakeWord(line, kSeparators);
  if (path.empty()) return;
  const std::string_view value_text = TakeWord(line, kSeparators);
  const std::string_view time_text = TakeWord(line, kSeparators);
  if (value_text.empty()) return AddBadLine("no value");
  if (!TakeWord(line, kSeparators).empty()) {
    return AddBadLine("text follows the timestamp");
  }
  const std::optional<double> value = ParseNumber(value_text);
  if (!value) return AddBadLine("the value is not a number");
  int64_t ms = default_ms_;
  if (!time_text.empty()) {
    const std::optional<double> seconds = ParseNumber(time_text);
    if (!seconds || !(std::abs(*seconds) < kSecondsMax)) {
      return AddBadLine("the timestamp is not a number of seconds");
    }
    const auto whole = static_cast<int64_t>(*seconds);
    if (whole != 0 && whole != -1) ms = whole * 1'000;
  }
  if (options_.trim_ms > 1'000) ms -= ms % options_.trim_ms;

  const size_t tags = std::min(path.find(';'), path.size());
  std::string_view metric = path.substr(0, tags);
  if (metric.empty()) return AddBadLine("no metric name");
  if (options_.sanitize) metric = Sanitized(metric);
  labels_.Clear();
  for (std::string_view rest = path.substr(tags); !rest.empty();) {
    rest.remove_prefix(1);
    const std::string_view tag =
        rest.substr(0, std::min(rest.find(';'), rest.size()));
    rest.remove_prefix(tag.size());
    const size_t equals = tag.find('=');
    if (equals == std::string_view::npos) continue;
    labels_.Add(tag.substr(0, equals), tag.substr(equals + 1));
  }
  labels_.Seal();
  canonical_.clear();
  labels_.AppendCanonical(metric, canonical_);
  AppendRow(canonical_, ms, *value, batch);
}

}  // namespace varve::protocol
