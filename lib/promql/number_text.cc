#include "lib/promql/number_text.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace varve::promql {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; }

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (Lower(text[i]) != lower[i]) return false;
  }
  return true;
}

bool IsHexDigit(char c) {
  c = Lower(c);
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// Removes underscores that stand between digits (or after a base prefix);
// nullopt when one stands elsewhere.
std::optional<std::string> WithoutUnderscores(std::string_view text,
                                              bool after_prefix) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out.push_back(text[i]);
      continue;
    }
    const bool digit_before = i > 0 ? IsHexDigit(text[i - 1]) : after_prefix;
    const bool digit_after = i + 1 < text.size() && IsHexDigit(text[i + 1]);
    if (!digit_before || !digit_after) return std::nullopt;
  }
  return out;
}

template <typename T, typename Mode>
bool ParseWhole(std::string_view text, T& value, Mode mode) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, mode);
  return error == std::errc() && stop == end;
}

std::optional<double> ParseInteger(std::string_view text, int base) {
  int64_t value = 0;
  if (!ParseWhole(text, value, base)) return std::nullopt;
  return static_cast<double>(value);
}

std::optional<double> ParseUnsigned(std::string_view text) {
  if (EqualsIgnoringCase(text, "inf") || EqualsIgnoringCase(text, "infinity")) {
    return std::numeric_limits<double>::infinity();
  }
  if (EqualsIgnoringCase(text, "nan")) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (text.size() > 1 && text[0] == '0' && Lower(text[1]) == 'x') {
    const auto digits = WithoutUnderscores(text.substr(2), true);
    if (!digits || digits->empty() || !IsHexDigit((*digits)[0])) {
      return std::nullopt;
    }
    return ParseInteger(*digits, 16);
  }
  const auto digits = WithoutUnderscores(text, false);
  if (!digits || digits->empty()) return std::nullopt;
  const char first = (*digits)[0];
  if (first != '.' && (first < '0' || first > '9')) return std::nullopt;
  // A leading zero means octal, unless a digit 8 or 9, a dot or an exponent
  // makes it a decimal float.
  if (first == '0' && digits->size() > 1) {
    if (auto octal = ParseInteger(*digits, 8)) return octal;
  }
  double value = 0;
  if (!ParseWhole(*digits, value, std::chars_format::general)) {
    return std::nullopt;
  }
  return value;
}

// The shortest digits and the decimal exponent of the first one.
struct Decimal {
  char digits[32];
  int count = 0;
  int exponent = 0;
};

Decimal ShortestDecimal(double magnitude) {
  Decimal out;
  char text[40];
  const auto end = std::to_chars(text, text + sizeof(text), magnitude,
                                 std::chars_format::scientific)
                       .ptr;
  const char* at = text;
  for (; *at != 'e'; ++at) {
    if (*at != '.') out.digits[out.count++] = *at;
  }
  ++at;
  if (*at == '+') ++at;
  std::from_chars(at, end, out.exponent);
  return out;
}

bool AppendSpecial(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    return false;
  }
  return true;
}

void AppendExponentForm(std::string& out, const Decimal& decimal) {
  out.push_back(decimal.digits[0]);
  if (decimal.count > 1) {
    out.push_back('.');
    out.append(decimal.digits + 1, decimal.count - 1);
  }
  out += decimal.exponent < 0 ? "e-" : "e+";
  const int magnitude = std::abs(decimal.exponent);
  if (magnitude < 10) out.push_back('0');
  out += std::to_string(magnitude);
}

void AppendPlainForm(std::string& out, const Decimal& decimal) {
  const int whole = decimal.exponent + 1;  // digits before the point
  if (whole <= 0) {
    out += "0.";
    out.append(-whole, '0');
    out.append(decimal.digits, decimal.count);
    return;
  }
  if (whole >= decimal.count) {
    out.append(decimal.digits, decimal.count);
    out.append(whole - decimal.count, '0');
    return;
  }
  out.append(decimal.digits, whole);
  out.push_back('.');
  out.append(decimal.digits + whole, decimal.count - whole);
}

void AppendFinite(std::string& out, double value, bool exponent_form) {
  if (std::signbit(value)) out.push_back('-');
  const double magnitude = std::fabs(value);
  if (magnitude == 0) {
    out.push_back('0');
    return;
  }
  const Decimal decimal = ShortestDecimal(magnitude);
  if (exponent_form) {
    AppendExponentForm(out, decimal);
  } else {
    AppendPlainForm(out, decimal);
  }
}

}  // namespace

namespace {

// What MetricsQL's suffix at the end of `text` multiplies by; takes it away.
// 1 where there is none. 0x1b ends with a digit.
double TakeMultiplier(std::string_view& text) {
  if (text.size() > 1 && text[0] == '0' && Lower(text[1]) == 'x') return 1;
  std::string_view rest = text;
  auto take = [&rest](char c) {
    if (rest.empty() || Lower(rest.back()) != c) return false;
    rest.remove_suffix(1);
    return true;
  };
  take('b');
  const double base = take('i') ? 1024 : 1000;
  double multiplier = base;
  for (const char letter : {'k', 'm', 'g', 't'}) {
    if (take(letter)) {
      text = rest;
      return multiplier;
    }
    multiplier *= base;
  }
  return 1;
}

}  // namespace

std::optional<double> ParseNumber(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const bool negative = text[0] == '-';
  if (negative || text[0] == '+') text.remove_prefix(1);
  const double multiplier = TakeMultiplier(text);
  const auto value = ParseUnsigned(text);
  if (!value) return std::nullopt;
  return (negative ? -*value : *value) * multiplier;
}

void AppendPlainNumber(std::string& out, double value) {
  if (!AppendSpecial(out, value)) AppendFinite(out, value, false);
}

std::string PlainNumber(double value) {
  std::string out;
  AppendPlainNumber(out, value);
  return out;
}

void AppendApiNumber(std::string& out, double value) {
  if (AppendSpecial(out, value)) return;
  const double magnitude = std::fabs(value);
  AppendFinite(out, value,
               magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21));
}

}  // namespace varve::promql
