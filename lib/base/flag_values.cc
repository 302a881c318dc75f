#include <charconv>
#include <cmath>
#include <limits>

#include "lib/base/flags.h"
#include "lib/base/status.h"

namespace varve::base {
namespace {

constexpr double kSecondsPerDay = 86'400;
constexpr double kSecondsPerMonth = 31 * kSecondsPerDay;
// Longer than any clock has run; keeps sums of durations inside int64 ms.
constexpr double kRetentionSecondsMax = 1200 * kSecondsPerMonth;

// Takes a decimal number ("15", "1.5") off the front; false without one.
// Signs, exponents and words such as "inf" are not numbers here.
bool TakeNumber(std::string_view& text, double& value) {
  size_t size = 0;
  while (size < text.size() &&
         ((text[size] >= '0' && text[size] <= '9') || text[size] == '.')) {
    ++size;
  }
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + size, value);
  if (error != std::errc() || end != text.data() + size) return false;
  text.remove_prefix(size);
  return true;
}

// Takes a retention unit off the front and gives its length, 0 without one.
double TakeRetentionUnit(std::string_view& text) {
  struct Unit {
    std::string_view suffix;
    double seconds;
  };
  constexpr Unit kUnits[] = {
      {"ms", 0.001},          {"s", 1},
      {"h", 3600},            {"d", kSecondsPerDay},
      {"w", 7 * kSecondsPerDay}, {"M", kSecondsPerMonth},
      {"y", 365 * kSecondsPerDay},
  };
  for (const Unit& unit : kUnits) {
    if (!text.starts_with(unit.suffix)) continue;
    text.remove_prefix(unit.suffix.size());
    return unit.seconds;
  }
  return 0;
}

char ToLower(char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; }

// What one list item means without the quotes around it.
std::string Unquote(std::string_view item) {
  if (item.size() < 2 || (item.front() != '"' && item.front() != '\'') ||
      item.back() != item.front()) {
    return std::string(item);
  }
  std::string out;
  const std::string_view inner = item.substr(1, item.size() - 2);
  for (size_t i = 0; i < inner.size(); ++i) {
    if (inner[i] == item.front()) return std::string(item);  // two strings
    if (inner[i] == '\\' && i + 1 < inner.size()) ++i;
    out.push_back(inner[i]);
  }
  return out;
}

// The position after the quoted string that starts at `at`, or npos when it
// does not end.
size_t AfterQuoted(std::string_view text, size_t at) {
  for (size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == text[at]) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

// The size of the first list item of `text`.
size_t ItemSize(std::string_view text) {
  std::string open;  // closing brackets still to come
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      const size_t after = AfterQuoted(text, i);
      if (after != std::string_view::npos) i = after - 1;
    } else if (c == '[' || c == '{' || c == '(') {
      open.push_back(c == '[' ? ']' : c == '{' ? '}' : ')');
    } else if (!open.empty() && c == open.back()) {
      open.pop_back();
    } else if (c == ',' && open.empty()) {
      return i;
    }
  }
  return text.size();
}

}  // namespace

absl::StatusOr<absl::Duration> ParseGoDuration(std::string_view text) {
  absl::Duration duration;
  if (text.empty() || !absl::ParseDuration(ToAbsl(text), &duration) ||
      duration == absl::InfiniteDuration() ||
      duration == -absl::InfiniteDuration()) {
    return InvalidArgument("cannot parse duration \"", text,
                           "\"; want a number with ms, s, m or h, as in 1h30m");
  }
  return duration;
}

absl::StatusOr<absl::Duration> ParseRetention(std::string_view text) {
  const auto bad = [text](std::string_view why) {
    return InvalidArgument("cannot parse duration \"", text, "\": ", why);
  };
  std::string_view rest = text;
  double seconds = 0;
  double number;
  if (!TakeNumber(rest, number)) return bad("want a number first");
  if (rest.empty()) {
    seconds = number * kSecondsPerMonth;
  } else {
    while (true) {
      const double unit_s = TakeRetentionUnit(rest);
      if (rest.starts_with("m") && unit_s == 0) {
        return bad("the suffix m is ambiguous; use M for months");
      }
      if (unit_s == 0) return bad("want a suffix of s, h, d, w, M or y");
      seconds += number * unit_s;
      if (rest.empty()) break;
      if (!TakeNumber(rest, number)) return bad("want a number and a suffix");
    }
  }
  if (seconds > kRetentionSecondsMax) return bad("it is above 1200 months");
  return absl::Milliseconds(std::llround(seconds * 1000));
}

absl::StatusOr<int64_t> ParseBytes(std::string_view text) {
  struct Unit {
    std::string_view suffix;
    double bytes;
  };
  constexpr Unit kUnits[] = {
      {"", 1},          {"kb", 1e3},      {"mb", 1e6},
      {"gb", 1e9},      {"tb", 1e12},     {"kib", 0x1p10},
      {"mib", 0x1p20},  {"gib", 0x1p30},  {"tib", 0x1p40},
  };
  std::string_view rest = text;
  const bool negative = rest.starts_with("-");
  if (negative) rest.remove_prefix(1);
  double number = 0;
  std::string suffix;
  const bool has_number = TakeNumber(rest, number);
  for (const char c : rest) suffix.push_back(ToLower(c));
  for (const Unit& unit : kUnits) {
    if (!has_number || suffix != unit.suffix) continue;
    const double bytes = number * unit.bytes;
    if (bytes >= 0x1p63) break;
    return static_cast<int64_t>(negative ? -bytes : bytes);
  }
  return InvalidArgument(
      "cannot parse size \"", text,
      "\"; want a number with KB, MB, GB, TB, KiB, MiB, GiB, TiB or nothing");
}

absl::StatusOr<bool> ParseBool(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == no) return false;
  }
  return InvalidArgument("cannot parse boolean \"", text,
                         "\"; want true or false");
}

std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> items;
  if (text.empty()) return items;
  while (true) {
    const size_t size = ItemSize(text);
    items.push_back(Unquote(text.substr(0, size)));
    if (size == text.size()) return items;
    text.remove_prefix(size + 1);
  }
}

}  // namespace varve::base
