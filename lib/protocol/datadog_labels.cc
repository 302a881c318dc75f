#include "lib/protocol/datadog_labels.h"

namespace varve::protocol {
namespace {

constexpr std::string_view kNoValue = "no_label_value";

bool IsNameByte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z');
}

}  // namespace

std::string SanitizedDatadogName(std::string_view name) {
  std::string out;
  out.reserve(name.size());
  for (const char c : name) {
    const char last = out.empty() ? '\0' : out.back();
    if (c == '.') {
      if (last == '_') out.pop_back();
      out += '.';
    } else if (IsNameByte(c)) {
      out += c;
    } else if (last != '_' && last != '.') {
      out += '_';
    }
  }
  return out;
}

std::string DatadogName(std::string_view name, const DatadogOptions& options) {
  return options.sanitize_names ? SanitizedDatadogName(name)
                                : std::string(name);
}

void AddDatadogTag(std::string_view tag, std::string_view host_label,
                   LineLabels& labels) {
  const size_t colon = tag.find(':');
  const std::string_view name = tag.substr(0, colon);
  labels.Add(name == "host" ? host_label : name,
             colon == std::string_view::npos ? kNoValue
                                             : tag.substr(colon + 1));
}

int64_t DatadogMilliseconds(double seconds, const DatadogOptions& options) {
  if (seconds > 0) return static_cast<int64_t>(seconds * 1'000);
  return options.now_ms - options.now_ms % 1'000;
}

}  // namespace varve::protocol
