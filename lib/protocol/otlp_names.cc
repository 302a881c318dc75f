#include "lib/protocol/otlp_names.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace varve::protocol {
namespace {

using Word = std::pair<std::string_view, std::string_view>;

// UCUM codes that Prometheus writes out.
constexpr Word kUnits[] = {
    {"d", "days"},          {"h", "hours"},         {"min", "minutes"},
    {"s", "seconds"},       {"ms", "milliseconds"}, {"us", "microseconds"},
    {"ns", "nanoseconds"},  {"By", "bytes"},        {"KiBy", "kibibytes"},
    {"MiBy", "mebibytes"},  {"GiBy", "gibibytes"},  {"TiBy", "tibibytes"},
    {"KBy", "kilobytes"},   {"MBy", "megabytes"},   {"GBy", "gigabytes"},
    {"TBy", "terabytes"},   {"m", "meters"},        {"V", "volts"},
    {"A", "amperes"},       {"J", "joules"},        {"W", "watts"},
    {"g", "grams"},         {"Cel", "celsius"},     {"Hz", "hertz"},
    {"1", ""},              {"%", "percent"}};
constexpr Word kPerUnits[] = {
    {"s", "second"}, {"m", "minute"},  {"h", "hour"}, {"d", "day"},
    {"w", "week"},   {"mo", "month"},  {"y", "year"}};

bool IsAlnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9');
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

template <size_t kSize>
std::string_view WrittenOut(std::string_view unit,
                            const Word (&words)[kSize]) {
  for (const auto& [code, word] : words) {
    if (code == unit) return word;
  }
  return unit;
}

std::string_view Trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// Runs of other characters than letters, digits and ':' become one '_'; none
// at the ends.
std::string Cleaned(std::string_view unit) {
  std::string out;
  for (const char c : unit) {
    if (IsAlnum(c) || c == ':') {
      out += c;
    } else if (!out.empty() && out.back() != '_') {
      out += '_';
    }
  }
  while (out.ends_with('_')) out.pop_back();
  return out;
}

struct Unit {
  std::string main;
  std::string per;
};

// What is in braces is a remark, no unit.
Unit UnitOf(std::string_view text, bool clean) {
  const size_t slash = text.find('/');
  std::string_view main = Trim(text.substr(0, slash));
  std::string_view per =
      slash == std::string_view::npos ? "" : Trim(text.substr(slash + 1));
  if (main.find('{') != std::string_view::npos) main = {};
  if (per.find('{') != std::string_view::npos) per = {};
  main = WrittenOut(main, kUnits);
  per = WrittenOut(per, kPerUnits);
  if (!clean) return {std::string(main), std::string(per)};
  return {Cleaned(main), Cleaned(per)};
}

std::vector<std::string> Tokens(std::string_view name, OtlpNameForm form) {
  constexpr std::string_view kCuts = "/_.-: ";
  std::vector<std::string> tokens;
  bool open = false;
  for (const char c : name) {
    const bool kept = form == OtlpNameForm::kPrometheus
                          ? IsAlnum(c) || c == ':'
                          : kCuts.find(c) == std::string_view::npos;
    if (kept && !open) tokens.emplace_back();
    if (kept) tokens.back() += c;
    open = kept;
  }
  return tokens;
}

void MoveToEnd(std::vector<std::string>& tokens, std::string_view token) {
  std::erase(tokens, token);
  tokens.emplace_back(token);
}

bool IsCounter(const OtlpMetric& metric) {
  return metric.kind == OtlpKind::kSum && metric.monotonic;
}

bool MayBeRatio(const OtlpMetric& metric, OtlpNameForm form) {
  return metric.kind == OtlpKind::kGauge ||
         (metric.kind == OtlpKind::kSum && !metric.monotonic &&
          form == OtlpNameForm::kVictoriaMetrics);
}

}  // namespace

std::string PrometheusMetricName(const OtlpMetric& metric, OtlpNameForm form) {
  std::vector<std::string> tokens = Tokens(metric.name, form);
  const Unit unit = UnitOf(metric.unit, form == OtlpNameForm::kPrometheus);
  const auto has = [&tokens](std::string_view token) {
    return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
  };
  if (!unit.main.empty() && !has(unit.main)) tokens.push_back(unit.main);
  // Prometheus looks for "per_second" among the words of the name, where it
  // never is.
  if (!unit.per.empty() &&
      (form == OtlpNameForm::kPrometheus || !has(unit.per))) {
    tokens.push_back("per");
    tokens.push_back(unit.per);
  }
  if (IsCounter(metric)) {
    MoveToEnd(tokens, "total");
  } else if (metric.unit == "1" && MayBeRatio(metric, form)) {
    MoveToEnd(tokens, "ratio");
  }
  std::string name;
  for (const std::string& token : tokens) {
    if (!name.empty()) name += '_';
    name += token;
  }
  if (form == OtlpNameForm::kPrometheus && !name.empty() && IsDigit(name[0])) {
    name.insert(0, 1, '_');
  }
  return name;
}

std::string PrometheusUnit(std::string_view unit) {
  const Unit parts = UnitOf(unit, true);
  if (parts.per.empty()) return parts.main;
  return (parts.main.empty() ? "per_" : parts.main + "_per_") + parts.per;
}

std::string PrometheusLabelName(std::string_view name,
                                bool key_before_underscore) {
  std::string out;
  if (name.empty()) return out;
  for (const char c : name) {
    // Bytes within a character of several are part of its '_'.
    if ((static_cast<uint8_t>(c) & 0xC0) == 0x80) continue;
    out += IsAlnum(c) ? c : '_';
  }
  if (out.empty()) return "_";
  if (IsDigit(out[0])) return "key_" + out;
  if (key_before_underscore && out[0] == '_' && !out.starts_with("__")) {
    return "key" + out;
  }
  return out;
}

}  // namespace varve::protocol
