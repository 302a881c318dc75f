#include "lib/eval/text.h"

#include <charconv>
#include <cmath>
#include <cstdint>

#include "absl/strings/str_format.h"
#include "lib/base/strings.h"

namespace varve::eval {
namespace {

// The longest double without an exponent has 309 + 17 digits or so.
constexpr size_t kNumberBytesMax = 1200;

const char* NotFinite(double value) {
  if (std::isnan(value)) return "NaN";
  return value > 0 ? "+Inf" : "-Inf";
}

std::string Digits(double value, std::chars_format format) {
  char buffer[kNumberBytesMax];
  const auto result =
      std::to_chars(buffer, buffer + sizeof(buffer), value, format);
  return std::string(buffer, result.ptr);
}

// Bytes of the character at `at`; 0 if it is not one.
size_t Utf8SizeAt(std::string_view text, size_t at) {
  const uint8_t lead = static_cast<uint8_t>(text[at]);
  const size_t size = lead < 0x80             ? 1
                      : (lead & 0xe0) == 0xc0 ? 2
                      : (lead & 0xf0) == 0xe0 ? 3
                      : (lead & 0xf8) == 0xf0 ? 4
                                              : 0;
  if (size == 0 || at + size > text.size()) return 0;
  uint32_t point = size == 1 ? lead : lead & (0x7f >> size);
  for (size_t k = 1; k < size; ++k) {
    const uint8_t next = static_cast<uint8_t>(text[at + k]);
    if ((next & 0xc0) != 0x80) return 0;
    point = point << 6 | (next & 0x3f);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (point < kSmallest[size] || point > 0x10ffff ||
      (point >= 0xd800 && point <= 0xdfff)) {
    return 0;
  }
  return size;
}

}  // namespace

std::string FixedNumber(double value) {
  if (!std::isfinite(value)) return NotFinite(value);
  constexpr double kAllDigitsMax = 0x1p53;
  if (std::fabs(value) < kAllDigitsMax) {
    return Digits(value, std::chars_format::fixed);
  }
  // As few digits as tell the value from others, then zeros: to_chars would
  // give all digits that it has by accident.
  std::string text = Digits(value, std::chars_format::scientific);
  const size_t exponent_at = text.find('e');
  size_t zeros = 0;
  for (const char digit : std::string_view(text).substr(exponent_at + 2)) {
    zeros = 10 * zeros + static_cast<size_t>(digit - '0');
  }
  text.resize(exponent_at);
  if (const size_t point = text.find('.'); point != text.npos) {
    zeros -= text.size() - point - 1;
    text.erase(point, 1);
  }
  return text.append(zeros, '0');
}

std::string GeneralNumber(double value) {
  if (!std::isfinite(value)) return NotFinite(value);
  const double size = std::fabs(value);
  const bool fixed = size == 0 || (size >= 1e-4 && size < 1e6);
  return Digits(
      value, fixed ? std::chars_format::fixed : std::chars_format::scientific);
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (static_cast<uint8_t>(c) >= 0x80) {
      const size_t size = Utf8SizeAt(text, i);
      if (size == 0) {
        out += absl::StrFormat("\\x%02x", static_cast<uint8_t>(c));
      } else {
        out += text.substr(i, size);
        i += size - 1;
      }
      continue;
    }
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        out += c;
    }
  }
  return out + '"';
}

std::string LabelsText(const model::LabelSet& labels) {
  std::string out = "{";
  for (const model::Label& label : labels) {
    if (out.size() > 1) out += ", ";
    base::StrAppend(&out, label.name, "=", Quoted(label.value));
  }
  return out + "}";
}

bool IsValidUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t size = Utf8SizeAt(text, i);
    if (size == 0) return false;
    i += size;
  }
  return true;
}

bool IsLabelName(std::string_view text) {
  return !text.empty() && IsValidUtf8(text);
}

}  // namespace varve::eval
