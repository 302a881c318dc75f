#include "lib/protocol/influx_lines.h"

#include <algorithm>
#include <charconv>

#include "lib/protocol/line_words.h"
#include "lib/protocol/prometheus_text.h"

namespace varve::protocol {
namespace {

// Series names of one line, its measurement and tags repeated for each field.
constexpr size_t kNamesBytesMax = 32 << 20;

// The first byte of `text` that is one of kStops and has no backslash before
// it; text.size() without one.
template <char... kStops>
size_t FindUnescaped(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (((c == kStops) || ...)) return i;
    if (c == '\\') ++i;
  }
  return text.size();
}

void SkipSpaces(std::string_view& text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
}

template <typename Integer>
std::optional<double> ReadInteger(std::string_view digits) {
  Integer value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [ptr, ec] = std::from_chars(digits.data(), end, value);
  if (ec != std::errc() || ptr != end) return std::nullopt;
  return static_cast<double>(value);
}

// A field's value that is not in quotes.
std::optional<double> ReadValue(std::string_view text) {
  if (text.empty()) return std::nullopt;
  switch (text.back()) {
    case 'i':
      return ReadInteger<int64_t>(text.substr(0, text.size() - 1));
    case 'u':
      return ReadInteger<uint64_t>(text.substr(0, text.size() - 1));
    default:
      break;
  }
  if (text == "t" || text == "T" || text == "true" || text == "True" ||
      text == "TRUE") {
    return 1;
  }
  if (text == "f" || text == "F" || text == "false" || text == "False" ||
      text == "FALSE") {
    return 0;
  }
  return ParseNumber(text);
}

// Milliseconds of one unit of a precision from seconds up; else 1.
int64_t MillisecondsOf(InfluxPrecision precision) {
  switch (precision) {
    case InfluxPrecision::kSeconds:
      return 1'000;
    case InfluxPrecision::kMinutes:
      return 60'000;
    case InfluxPrecision::kHours:
      return 3'600'000;
    default:
      return 1;
  }
}

// Today's time has 19 digits in nanoseconds, 16 in micro-, 13 in milliseconds
// and 10 in seconds.
InfluxPrecision Detect(int64_t timestamp) {
  if (timestamp >= 100'000'000'000'000'000) {
    return InfluxPrecision::kNanoseconds;
  }
  if (timestamp >= 100'000'000'000'000) return InfluxPrecision::kMicroseconds;
  if (timestamp >= 100'000'000'000) return InfluxPrecision::kMilliseconds;
  return InfluxPrecision::kSeconds;
}

}  // namespace

InfluxPrecision ParseInfluxPrecision(std::string_view text) {
  if (text == "ns" || text == "n") return InfluxPrecision::kNanoseconds;
  if (text == "us" || text == "u" || text == "µ") {
    return InfluxPrecision::kMicroseconds;
  }
  if (text == "ms") return InfluxPrecision::kMilliseconds;
  if (text == "s") return InfluxPrecision::kSeconds;
  if (text == "m") return InfluxPrecision::kMinutes;
  if (text == "h") return InfluxPrecision::kHours;
  return InfluxPrecision::kDetected;
}

InfluxLinesReader::InfluxLinesReader(std::string_view text,
                                     const InfluxNaming& naming,
                                     InfluxPrecision precision,
                                     std::string_view db, int64_t default_ms,
                                     int64_t line_bytes_max)
    : ImportReader(text, line_bytes_max, "-influx.maxLineSize="),
      naming_(naming),
      precision_(precision),
      db_(db),
      default_ms_(default_ms - default_ms % MillisecondsOf(precision)) {}

std::string_view InfluxLinesReader::Unescaped(std::string_view text) {
  if (text.find('\\') == std::string_view::npos) return text;
  const size_t first = unescaped_.size();
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      const char next = text[i + 1];
      if (next == ',' || next == '=' || next == ' ' || next == '\\') ++i;
    }
    unescaped_.push_back(text[i]);
  }
  return std::string_view(unescaped_).substr(first);
}

std::string_view InfluxLinesReader::ReadTags(std::string_view& rest) {
  while (rest.starts_with(',')) {
    rest.remove_prefix(1);
    const size_t name_end = FindUnescaped<'=', ',', ' '>(rest);
    if (name_end == rest.size() || rest[name_end] != '=') {
      return "a tag has no value";
    }
    const std::string_view name = rest.substr(0, name_end);
    rest.remove_prefix(name_end + 1);
    const size_t value_end = FindUnescaped<',', ' '>(rest);
    labels_.Add(Unescaped(name), Unescaped(rest.substr(0, value_end)));
    rest.remove_prefix(value_end);
  }
  return "";
}

std::string_view InfluxLinesReader::ReadFields(std::string_view& rest) {
  while (true) {
    const size_t key_end = FindUnescaped<'=', ',', ' '>(rest);
    if (key_end == rest.size() || rest[key_end] != '=') {
      return "a field has no value";
    }
    if (key_end == 0) return "a field has no name";
    const std::string_view key = Unescaped(rest.substr(0, key_end));
    rest.remove_prefix(key_end + 1);
    ++fields_seen_;
    std::optional<double> value;
    if (rest.starts_with('"')) {
      rest.remove_prefix(1);
      const size_t quote = FindUnescaped<'"'>(rest);
      if (quote == rest.size()) {
        return "a quote is not closed; a string cannot hold a line's end";
      }
      value = ParseNumber(rest.substr(0, quote));
      rest.remove_prefix(quote + 1);
    } else {
      const size_t end = std::min(rest.find_first_of(", "), rest.size());
      value = ReadValue(rest.substr(0, end));
      if (!value) return "a field's value is not a number";
      rest.remove_prefix(end);
    }
    if (value) fields_.push_back({key, *value});
    if (rest.empty() || rest.front() == ' ') return "";
    if (rest.front() != ',') return "text follows a quoted field";
    rest.remove_prefix(1);
  }
}

std::string_view InfluxLinesReader::ReadTimestamp(std::string_view text,
                                                  int64_t& ms) const {
  constexpr std::string_view kNotOne = "the timestamp is not an integer";
  int64_t number = 0;
  if (!text.empty()) {
    const char* const end = text.data() + text.size();
    const auto [ptr, ec] = std::from_chars(text.data(), end, number);
    if (ec != std::errc() || ptr != end) {
      return text.starts_with("HTTP/")
                 ? "an HTTP request; this port takes lines, -httpListenAddr "
                   "takes requests"
                 : kNotOne;
    }
  }
  if (number == 0) {
    ms = default_ms_;
  } else {
    const InfluxPrecision precision = precision_ == InfluxPrecision::kDetected
                                          ? Detect(number)
                                          : precision_;
    if (precision == InfluxPrecision::kNanoseconds) {
      ms = number / 1'000'000;
    } else if (precision == InfluxPrecision::kMicroseconds) {
      ms = number / 1'000;
    } else if (__builtin_mul_overflow(number, MillisecondsOf(precision), &ms)) {
      return "the timestamp is out of range";
    }
  }
  if (naming_.trim_ms > 1) ms -= ms % naming_.trim_ms;
  return "";
}

bool InfluxLinesReader::Append(int64_t ms, SampleBatch& batch) {
  const size_t shared_bytes =
      labels_.sealed_bytes() + measurement_.size() + naming_.separator.size();
  if (fields_.size() * shared_bytes > kNamesBytesMax) return false;
  const bool no_key = naming_.skip_single_field && !naming_.skip_measurement &&
                      fields_seen_ == 1 && !measurement_.empty();
  metric_.clear();
  if (!naming_.skip_measurement && !measurement_.empty()) {
    metric_.append(measurement_);
    if (!no_key) metric_.append(naming_.separator);
  }
  const size_t prefix = metric_.size();
  for (const Field& field : fields_) {
    metric_.resize(prefix);
    if (!no_key) metric_.append(field.key);
    canonical_.clear();
    labels_.AppendCanonical(metric_, canonical_);
    AppendRow(canonical_, ms, field.value, batch);
  }
  return true;
}

void InfluxLinesReader::ReadLine(std::string_view line, SampleBatch& batch) {
  SkipSpaces(line);
  while (line.ends_with(' ')) line.remove_suffix(1);
  if (line.empty() || line.front() == '#') return;
  unescaped_.clear();
  // All of a line's answers of Unescaped fit, so that none moves.
  if (line.find('\\') != std::string_view::npos) {
    unescaped_.reserve(line.size());
  }
  labels_.Clear();
  fields_.clear();
  fields_seen_ = 0;

  std::string_view rest = line;
  const size_t name_end = FindUnescaped<',', ' '>(rest);
  measurement_ = Unescaped(rest.substr(0, name_end));
  rest.remove_prefix(name_end);
  if (const auto why = ReadTags(rest); !why.empty()) return AddBadLine(why);
  SkipSpaces(rest);
  if (rest.empty()) return AddBadLine("no fields");
  if (const auto why = ReadFields(rest); !why.empty()) return AddBadLine(why);
  SkipSpaces(rest);
  int64_t ms = 0;
  if (const auto why = ReadTimestamp(rest, ms); !why.empty()) {
    return AddBadLine(why);
  }
  if (!labels_.Has(naming_.db_label)) labels_.Add(naming_.db_label, db_);
  labels_.Seal();
  if (!Append(ms, batch)) {
    AddBadLine("its fields times its name and tags exceed 33554432 bytes");
  }
}

}  // namespace varve::protocol
