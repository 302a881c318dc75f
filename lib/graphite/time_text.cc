#include "lib/graphite/time_text.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/time/time.h"
#include "lib/base/status.h"
#include "lib/model/time_range.h"

namespace varve::graphite {
namespace {

constexpr int64_t kSecondMs = 1000;
constexpr int64_t kDayMs = 86'400'000;
// Within the years that a sample may have, and far from overflow.
constexpr double kIntervalMsMax = 400.0 * 365 * kDayMs;
constexpr size_t kTextBytesMax = 64;
// Eight digits are a day, others Unix seconds.
constexpr std::string_view kDayFormat = "%E4Y%m%d";
constexpr size_t kDayDigits = 8;

absl::Status BadInterval(std::string_view text) {
  return base::InvalidArgument(
      "bad interval \"", text,
      "\": expected a number and s, min, h, d, w, mon or y");
}

// 0: no unit.
int64_t UnitMs(std::string_view unit) {
  const auto any_of = [unit](std::initializer_list<std::string_view> names) {
    return std::ranges::find(names, unit) != names.end();
  };
  if (unit == "ms") return 1;
  if (any_of({"s", "sec", "secs", "second", "seconds"})) return kSecondMs;
  if (any_of({"m", "min", "mins", "minute", "minutes"})) return 60 * kSecondMs;
  if (any_of({"h", "hour", "hours"})) return 3600 * kSecondMs;
  if (any_of({"d", "day", "days"})) return kDayMs;
  if (any_of({"w", "week", "weeks"})) return 7 * kDayMs;
  if (any_of({"mon", "month", "months"})) return 30 * kDayMs;
  if (any_of({"y", "year", "years"})) return 365 * kDayMs;
  return 0;
}

// "now", "today", … and what the rest of the text is added to.
bool TakeReference(std::string_view& text, int64_t now_ms, int64_t& ms) {
  const int64_t midnight_ms = now_ms - now_ms % kDayMs;
  const std::pair<std::string_view, int64_t> references[] = {
      {"now", now_ms},
      {"today", midnight_ms},
      {"midnight", midnight_ms},
      {"noon", midnight_ms + kDayMs / 2},
      {"yesterday", midnight_ms - kDayMs},
      {"tomorrow", midnight_ms + kDayMs}};
  for (const auto& [name, at_ms] : references) {
    if (!text.starts_with(name)) continue;
    text.remove_prefix(name.size());
    ms = at_ms;
    return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<int64_t> ParseIntervalMs(std::string_view text) {
  std::string_view rest = text;
  double total_ms = 0;
  double sign = 1;
  if (text.size() > kTextBytesMax) return BadInterval(text.substr(0, 20));
  do {
    while (!rest.empty() && rest[0] == ' ') rest.remove_prefix(1);
    if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
      sign = rest[0] == '-' ? -1 : 1;
      rest.remove_prefix(1);
    }
    const size_t unit_at =
        std::min(rest.find_first_not_of("0123456789."), rest.size());
    double number = 0;
    if (!absl::SimpleAtod(base::ToAbsl(rest.substr(0, unit_at)), &number)) {
      return BadInterval(text);
    }
    rest.remove_prefix(unit_at);
    while (!rest.empty() && rest[0] == ' ') rest.remove_prefix(1);
    const size_t unit_end = std::min(
        rest.find_first_not_of("abcdefghijklmnopqrstuvwxyz"), rest.size());
    const int64_t unit_ms = UnitMs(rest.substr(0, unit_end));
    if (unit_ms == 0) return BadInterval(text);
    rest.remove_prefix(unit_end);
    total_ms += sign * number * static_cast<double>(unit_ms);
    if (!(total_ms > -kIntervalMsMax && total_ms < kIntervalMsMax)) {
      return BadInterval(text);
    }
  } while (!rest.empty());
  return static_cast<int64_t>(total_ms);
}

absl::StatusOr<int64_t> ParseTimeMs(std::string_view text, int64_t now_ms) {
  const auto bad = [text] {
    return base::InvalidArgument("unsupported time \"",
                                 text.substr(0, kTextBytesMax), "\"");
  };
  if (text.empty() || text.size() > kTextBytesMax) return bad();
  std::string_view rest = text;
  int64_t ms = now_ms;
  if (TakeReference(rest, now_ms, ms) && rest.empty()) return ms;
  if (rest[0] == '-' || rest[0] == '+') {
    const auto interval_ms = ParseIntervalMs(rest);
    if (!interval_ms.ok()) return bad();
    return ms + *interval_ms;
  }
  if (rest.size() != text.size()) return bad();
  for (const std::string_view format :
       {kDayFormat, std::string_view("%H:%M_%E4Y%m%d"),
        std::string_view("%H:%M%E4Y%m%d"), std::string_view("%H:%M %E4Y%m%d"),
        std::string_view("%Y-%m-%d"), std::string_view("%m/%d/%y"),
        std::string_view("%Y-%m-%dT%H:%M:%E*S%Ez")}) {
    if (format == kDayFormat && text.size() != kDayDigits) continue;
    absl::Time time;
    if (absl::ParseTime(base::ToAbsl(format), base::ToAbsl(text),
                        absl::UTCTimeZone(), &time, nullptr)) {
      if (time == absl::InfiniteFuture() || time == absl::InfinitePast()) {
        return bad();
      }
      return std::min(absl::ToUnixMillis(time), model::kTimestampMaxMs);
    }
  }
  double seconds = 0;
  if (text.size() == kDayDigits ||
      text.find_first_not_of("0123456789.") != text.npos ||
      !absl::SimpleAtod(base::ToAbsl(text), &seconds) || seconds > 1e12) {
    return bad();
  }
  return std::min(static_cast<int64_t>(seconds * kSecondMs),
                  model::kTimestampMaxMs);
}

}  // namespace varve::graphite
