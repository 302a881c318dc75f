#include "lib/promql/quoting.h"

#include <cstdint>

#include "lib/base/status.h"

namespace varve::promql {
namespace {

constexpr uint32_t kRuneMax = 0x10FFFF;

int DigitValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

void AppendUtf8(std::string& out, uint32_t rune) {
  if (rune < 0x80) {
    out.push_back(static_cast<char>(rune));
  } else if (rune < 0x800) {
    out.push_back(static_cast<char>(0xC0 | rune >> 6));
    out.push_back(static_cast<char>(0x80 | (rune & 0x3F)));
  } else if (rune < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | rune >> 12));
    out.push_back(static_cast<char>(0x80 | (rune >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (rune & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xF0 | rune >> 18));
    out.push_back(static_cast<char>(0x80 | (rune >> 12 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (rune >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (rune & 0x3F)));
  }
}

// The single-letter escapes; 0 when `c` is none.
char SimpleEscape(char c) {
  switch (c) {
    case 'a':
      return '\a';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    case '\\':
    case '"':
    case '\'':
      return c;
    default:
      return 0;
  }
}

// Decodes the escape at `text`, which begins after the backslash, and returns
// its size.
absl::StatusOr<size_t> Unescape(std::string_view text, char quote,
                                std::string& out) {
  if (text.empty())
    return base::InvalidArgument("escape sequence not terminated");
  const char c = text[0];
  const char simple = SimpleEscape(c);
  if (simple != 0 && (c == '\\' || c == quote || (c != '"' && c != '\''))) {
    out.push_back(simple);
    return 1;
  }
  size_t digits = 0;
  size_t skip = 1;
  int base = 16;
  if (c >= '0' && c <= '7') {
    digits = 3;
    skip = 0;
    base = 8;
  } else if (c == 'x') {
    digits = 2;
  } else if (c == 'u') {
    digits = 4;
  } else if (c == 'U') {
    digits = 8;
  } else {
    return base::InvalidArgument("unknown escape sequence ",
                                 std::string_view("\\"), text.substr(0, 1));
  }
  uint64_t value = 0;
  for (size_t i = 0; i < digits; ++i) {
    if (skip + i >= text.size()) {
      return base::InvalidArgument("escape sequence not terminated");
    }
    const int digit = DigitValue(text[skip + i]);
    if (digit >= base) {
      return base::InvalidArgument("illegal character in escape sequence");
    }
    value = value * base + digit;
  }
  if (digits <= 3) {
    if (value > 255) {
      return base::InvalidArgument(
          "escape sequence is an invalid Unicode code point");
    }
    out.push_back(static_cast<char>(value));
    return skip + digits;
  }
  if (value > kRuneMax || (value >= 0xD800 && value < 0xE000)) {
    return base::InvalidArgument(
        "escape sequence is an invalid Unicode code point");
  }
  AppendUtf8(out, static_cast<uint32_t>(value));
  return skip + digits;
}

}  // namespace

absl::StatusOr<size_t> QuotedSize(std::string_view text) {
  const char quote = text[0];
  if (quote == '`') {
    const size_t end = text.find('`', 1);
    if (end == text.npos) {
      return base::InvalidArgument("unterminated raw string");
    }
    return end + 1;
  }
  std::string ignored;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == quote) return i + 1;
    if (text[i] == '\n') break;
    if (text[i] != '\\') continue;
    ignored.clear();
    ASSIGN_OR_RETURN(const size_t used,
                     Unescape(text.substr(i + 1), quote, ignored));
    i += used;
  }
  return base::InvalidArgument("unterminated quoted string");
}

absl::StatusOr<std::string> Unquote(std::string_view quoted) {
  if (quoted.size() < 2 || quoted.front() != quoted.back()) {
    return base::InvalidArgument("unterminated quoted string");
  }
  const char quote = quoted[0];
  const std::string_view inside = quoted.substr(1, quoted.size() - 2);
  if (quote == '`') return std::string(inside);
  std::string out;
  out.reserve(inside.size());
  for (size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] != '\\') {
      out.push_back(inside[i]);
      continue;
    }
    ASSIGN_OR_RETURN(const size_t used,
                     Unescape(inside.substr(i + 1), quote, out));
    i += used;
  }
  return out;
}

bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    const size_t size = lead < 0x80   ? 1
                        : lead < 0xC2 ? 0
                        : lead < 0xE0 ? 2
                        : lead < 0xF0 ? 3
                        : lead < 0xF5 ? 4
                                      : 0;
    if (size == 0 || i + size > text.size()) return false;
    uint32_t rune = size == 1 ? lead : lead & (0x7F >> size);
    for (size_t k = 1; k < size; ++k) {
      const auto next = static_cast<uint8_t>(text[i + k]);
      if ((next & 0xC0) != 0x80) return false;
      rune = rune << 6 | (next & 0x3F);
    }
    constexpr uint32_t kMinOfSize[] = {0, 0, 0x80, 0x800, 0x10000};
    if (rune < kMinOfSize[size] || rune > kRuneMax ||
        (rune >= 0xD800 && rune < 0xE000)) {
      return false;
    }
    i += size;
  }
  return true;
}

}  // namespace varve::promql
