#include "lib/telemetry/metrics_text.h"

#include <charconv>
#include <cmath>

namespace varve::telemetry {

std::string LabelText(const MetricLabels& labels, std::string_view more) {
  if (labels.empty() && more.empty()) return "";
  std::string out = "{";
  for (const auto& [name, value] : labels) {
    if (out.size() > 1) out.push_back(',');
    out.append(name).append("=\"");
    for (const char c : value) {
      if (c == '\n') {
        out.append("\\n");
        continue;
      }
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    out.push_back('"');
  }
  if (out.size() > 1 && !more.empty()) out.push_back(',');
  return out.append(more).append("}");
}

std::string NumberText(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  // Integers below 2^53 without an exponent, as readers of dumps expect.
  if (value == std::trunc(value) && std::abs(value) < 0x1p53) {
    return NumberText(static_cast<int64_t>(value));
  }
  char buffer[32];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return std::string(buffer, result.ptr);
}

std::string NumberText(int64_t value) { return std::to_string(value); }

void AppendLine(std::string& out, std::string_view name,
                std::string_view labels, std::string_view number) {
  out.append(name).append(labels).append(" ").append(number).append("\n");
}

std::string_view TypeByName(std::string_view name) {
  return name.ends_with("_total") ? "counter" : "gauge";
}

void AddSample(FamilyTexts& families, const std::string& name,
               std::string_view labels, std::string_view number) {
  FamilyText& family = families[name];
  if (family.type.empty()) family.type = TypeByName(name);
  AppendLine(family.lines, name, labels, number);
}

}  // namespace varve::telemetry
