#include "lib/protocol/influx_lines.h"

#include <algorithm>
#include <charconv>

#include "lib/base/byte_coding.h"
#include "lib/model/label.h"
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

// Tells series of these options from others.
std::string ContextOf(const InfluxNaming& naming, std::string_view db) {
  std::string context = "influx";
  base::PutLengthPrefixed(context, naming.separator);
  context.push_back(naming.skip_measurement ? '1' : '0');
  base::PutLengthPrefixed(context, naming.db_label);
  base::PutLengthPrefixed(context, db);
  return context;
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
      default_ms_(default_ms - default_ms % MillisecondsOf(precision)),
      context_(ContextOf(naming, db)) {}

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

std::string_view InfluxLinesReader::ReadPlainTags(std::string_view& rest) {
  plain_ = rest.substr(0, rest.find(' '));
  rest.remove_prefix(plain_.size());
  size_t comma = plain_.find(',');
  while (comma != std::string_view::npos) {
    size_t at = comma + 1;  // names are short
    while (at < plain_.size() && plain_[at] != '=' && plain_[at] != ',') ++at;
    if (at == plain_.size() || plain_[at] == ',') return "a tag has no value";
    comma = plain_.find(',', at + 1);
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

void InfluxLinesReader::AppendPrefix(std::string_view measurement, bool no_key,
                                     std::string& metric) const {
  if (naming_.skip_measurement || measurement.empty()) return;
  metric.append(measurement);
  if (!no_key) metric.append(naming_.separator);
}

void InfluxLinesReader::FinishLabels(LineLabels& labels) const {
  if (!labels.Has(naming_.db_label)) labels.Add(naming_.db_label, db_);
  labels.Seal();
}

// <measurement>[,<tag>=<value>…][ <key>], the key left out where the metric's
// name has none.
void InfluxLinesReader::MakeLabels(std::string_view identity,
                                   std::vector<model::Label>& labels) const {
  const size_t names_end = std::min(identity.find(' '), identity.size());
  std::string_view names = identity.substr(0, names_end);
  std::string_view key = identity.substr(names_end);
  const bool no_key = key.empty();
  SkipSpaces(key);
  const std::string_view measurement = names.substr(0, names.find(','));
  names.remove_prefix(measurement.size());
  LineLabels tags;
  while (!names.empty()) {
    const std::string_view tag = TakeWord(names, ",");
    const size_t equals = std::min(tag.find('='), tag.size());
    tags.Add(tag.substr(0, equals),
             tag.substr(std::min(equals + 1, tag.size())));
  }
  FinishLabels(tags);
  std::string metric;
  AppendPrefix(measurement, no_key, metric);
  metric.append(key);
  std::string canonical;
  tags.AppendCanonical(metric, canonical);
  const auto set = model::ParseCanonicalBytes(canonical);
  labels.clear();
  if (set.ok()) labels = set->labels();  // always: just written
}

void InfluxLinesReader::AppendPlain(bool no_key, int64_t ms,
                                    SampleBatch& batch) {
  for (const Field& field : fields_) {
    if (no_key) {
      AppendNamedRow(plain_, ms, field.value, batch);
    } else if (field.key.data() == fields_begin_) {
      // Behind the names in the line itself.
      const char* const end = fields_begin_ + field.key.size();
      AppendNamedRow({plain_.data(), static_cast<size_t>(end - plain_.data())},
                     ms, field.value, batch);
    } else {
      identity_.assign(plain_);
      identity_.push_back(' ');
      identity_.append(field.key);
      AppendRow(identity_, ms, field.value, batch);
    }
  }
}

bool InfluxLinesReader::Append(int64_t ms, SampleBatch& batch) {
  const size_t shared_bytes =
      naming_.separator.size() +
      (is_plain_ ? plain_.size() + naming_.db_label.size() + db_.size()
                 : labels_.sealed_bytes() + measurement_.size());
  if (fields_.size() * shared_bytes > kNamesBytesMax) return false;
  const bool no_key = naming_.skip_single_field && !naming_.skip_measurement &&
                      fields_seen_ == 1 && !measurement_.empty();
  if (is_plain_) {
    AppendPlain(no_key, ms, batch);
    return true;
  }
  metric_.clear();
  AppendPrefix(measurement_, no_key, metric_);
  const size_t prefix = metric_.size();
  for (const Field& field : fields_) {
    metric_.resize(prefix);
    if (!no_key) metric_.append(field.key);
    identity_.assign(1, kCanonicalMark);
    labels_.AppendCanonical(metric_, identity_);
    AppendRow(identity_, ms, field.value, batch);
  }
  return true;
}

void InfluxLinesReader::ReadLine(std::string_view line, SampleBatch& batch) {
  SkipSpaces(line);
  while (line.ends_with(' ')) line.remove_suffix(1);
  if (line.empty() || line.front() == '#') return;
  if (batch.identity_reader != this) {
    batch.form = IdentityForm::kOfReader;
    batch.identity_reader = this;
    batch.identity_context = context_;
  }
  is_plain_ = line.front() != kCanonicalMark &&
              line.find('\\') == std::string_view::npos;
  unescaped_.clear();
  // All of a line's answers of Unescaped fit, so that none moves.
  if (!is_plain_) unescaped_.reserve(line.size());
  labels_.Clear();
  fields_.clear();
  fields_seen_ = 0;

  std::string_view rest = line;
  if (is_plain_) {
    if (const auto why = ReadPlainTags(rest); !why.empty()) {
      return AddBadLine(why);
    }
    measurement_ = plain_.substr(0, plain_.find(','));
  } else {
    const size_t name_end = FindUnescaped<',', ' '>(rest);
    measurement_ = Unescaped(rest.substr(0, name_end));
    rest.remove_prefix(name_end);
    if (const auto why = ReadTags(rest); !why.empty()) return AddBadLine(why);
  }
  SkipSpaces(rest);
  if (rest.empty()) return AddBadLine("no fields");
  fields_begin_ = rest.data();
  if (const auto why = ReadFields(rest); !why.empty()) return AddBadLine(why);
  SkipSpaces(rest);
  int64_t ms = 0;
  if (const auto why = ReadTimestamp(rest, ms); !why.empty()) {
    return AddBadLine(why);
  }
  if (!is_plain_) FinishLabels(labels_);
  if (!Append(ms, batch)) {
    AddBadLine("its fields times its name and tags exceed 33554432 bytes");
  }
}

}  // namespace varve::protocol
