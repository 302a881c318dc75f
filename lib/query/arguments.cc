#include "lib/query/arguments.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/time/time.h"
#include "lib/base/flags.h"
#include "lib/base/status.h"
#include "lib/promql/duration.h"
#include "lib/promql/number_text.h"

namespace varve::query {
namespace {

constexpr int64_t kFiveMinutesMs = 300'000;

int64_t ClampMs(double ms) {
  const auto limit = static_cast<double>(model::kTimestampMaxMs);
  return static_cast<int64_t>(std::round(std::clamp(ms, -limit, limit)));
}

// Numbers below 2^31 are seconds; each unit a thousand times smaller begins a
// thousand times higher.
int64_t UnixToMs(double value) {
  constexpr double kSecondsEnd = 2147483648.0;
  if (value < kSecondsEnd) return ClampMs(value * 1e3);
  if (value < kSecondsEnd * 1e3) return ClampMs(value);
  if (value < kSecondsEnd * 1e6) return ClampMs(value / 1e3);
  return ClampMs(value / 1e6);
}

// Digits, dots, signs and exponents only: no hex, octal or names.
std::optional<double> ParseDecimal(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<int64_t> ParseCalendar(const std::string& text) {
  static constexpr const char* kFormats[] = {
      "%Y-%m-%d%ET%H:%M:%E*S%Ez",
      "%Y-%m-%d%ET%H:%M:%E*S",
      "%Y-%m-%d %H:%M:%E*S",
      "%Y-%m-%d%ET%H:%M%Ez",
      "%Y-%m-%d%ET%H:%M",
      "%Y-%m-%d%ET%H%Ez",
      "%Y-%m-%d%ET%H",
      "%Y-%m-%d%Ez",
      "%Y-%m-%d",
      "%Y-%m",
      "%YZ",
  };
  for (const char* format : kFormats) {
    absl::Time time;
    std::string ignored;
    if (absl::ParseTime(format, text, &time, &ignored)) {
      const double seconds = absl::ToDoubleSeconds(time - absl::UnixEpoch());
      if (std::isinf(seconds)) return ClampMs(seconds);
      return std::clamp(absl::ToUnixMillis(time), -model::kTimestampMaxMs,
                        model::kTimestampMaxMs);
    }
  }
  return std::nullopt;
}

// "now", "now-1h", "-1h"; nullopt for other forms.
absl::StatusOr<std::optional<int64_t>> ParseRelative(std::string_view text,
                                                     int64_t now_ms) {
  const bool named = text.starts_with("now");
  std::string_view rest = named ? text.substr(3) : text;
  if (named && rest.empty()) return std::optional<int64_t>(now_ms);
  if (rest.size() < 2 || (rest[0] != '-' && rest[0] != '+') || rest[1] < '0' ||
      rest[1] > '9') {
    return std::nullopt;
  }
  if (!named && ParseDecimal(text)) return std::nullopt;  // a negative time
  ASSIGN_OR_RETURN(const int64_t ms, ParseDurationArgMs(rest.substr(1)));
  const double distance = static_cast<double>(ms);
  return std::optional<int64_t>(ClampMs(
      static_cast<double>(now_ms) + (rest[0] == '-' ? -distance : distance)));
}

absl::Status BadArgument(std::string_view name, std::string_view value,
                         std::string_view why) {
  return base::InvalidArgument("invalid value \"", value,
                               "\" of the argument `", name, "`: ", why);
}

}  // namespace

absl::StatusOr<int64_t> ParseTimeMs(std::string_view text, int64_t now_ms) {
  const auto relative = ParseRelative(text, now_ms);
  if (relative.ok() && relative->has_value()) return **relative;
  if (const auto number = ParseDecimal(text)) return UnixToMs(*number);
  if (const auto ms = ParseCalendar(std::string(text))) return *ms;
  return base::InvalidArgument("cannot parse \"", text,
                               "\" to a valid timestamp");
}

absl::StatusOr<int64_t> ParseDurationArgMs(std::string_view text) {
  constexpr double kMsMax = 9.2e12;
  if (const auto seconds = ParseDecimal(text)) {
    if (std::fabs(*seconds) * 1e3 > kMsMax) {
      return base::InvalidArgument("duration \"", text, "\" is out of range");
    }
    return static_cast<int64_t>(std::round(*seconds * 1e3));
  }
  auto ms = promql::ParseDurationMs(text);
  if (ms.ok()) return ms;
  const auto go = base::ParseGoDuration(text);
  if (go.ok() && absl::ToDoubleMilliseconds(absl::AbsDuration(*go)) < kMsMax) {
    return absl::ToInt64Milliseconds(*go);
  }
  return base::InvalidArgument("cannot parse \"", text,
                               "\" to a valid duration");
}

absl::StatusOr<int64_t> TimeArgument(const http::Request& request,
                                     std::string_view name, int64_t now_ms,
                                     int64_t default_value) {
  const std::string_view text = request.Argument(name);
  if (text.empty()) return default_value;
  auto value = ParseTimeMs(text, now_ms);
  if (value.ok()) return value;
  return BadArgument(name, text, base::Message(value.status()));
}

absl::StatusOr<int64_t> DurationArgument(const http::Request& request,
                                         std::string_view name,
                                         int64_t default_value) {
  const std::string_view text = request.Argument(name);
  if (text.empty()) return default_value;
  auto value = ParseDurationArgMs(text);
  if (value.ok()) return value;
  return BadArgument(name, text, base::Message(value.status()));
}

absl::StatusOr<int64_t> IntArgument(const http::Request& request,
                                    std::string_view name,
                                    int64_t default_value) {
  const std::string_view text = request.Argument(name);
  if (text.empty()) return default_value;
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop == end) return value;
  return BadArgument(name, text, "not a whole number");
}

bool BoolArgument(const http::Request& request, std::string_view name) {
  const std::string text =
      absl::AsciiStrToLower(base::ToAbsl(request.Argument(name)));
  return !(text.empty() || text == "0" || text == "f" || text == "false" ||
           text == "no");
}

absl::StatusOr<model::TimeRange> RangeArguments(const http::Request& request,
                                                int64_t now_ms,
                                                int64_t default_range_ms) {
  model::TimeRange range;
  ASSIGN_OR_RETURN(range.end_ms, TimeArgument(request, "end", now_ms, now_ms));
  ASSIGN_OR_RETURN(
      range.start_ms,
      TimeArgument(request, "start", now_ms, range.end_ms - default_range_ms));
  if (range.start_ms > range.end_ms) {
    range.end_ms = range.start_ms + kFiveMinutesMs;
  }
  return range;
}

}  // namespace varve::query
