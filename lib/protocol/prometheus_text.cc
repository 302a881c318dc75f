#include "lib/protocol/prometheus_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "lib/model/sample.h"

namespace varve::protocol {
namespace {

constexpr size_t kCommentBytesMax = 64 << 10;  // of a HELP or a UNIT

bool IsSpace(char c) { return c == ' ' || c == '\t'; }

// What is left of one line.
class Line {
 public:
  explicit Line(std::string_view text) : rest_(text) {}

  bool empty() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }
  char front() const { return rest_.empty() ? '\0' : rest_.front(); }
  void Skip(size_t n) { rest_.remove_prefix(n); }
  void SkipSpaces() {
    while (!rest_.empty() && IsSpace(rest_.front())) rest_.remove_prefix(1);
  }
  bool Eat(char c) {
    if (front() != c || rest_.empty()) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Up to, without, the first byte that `stops`.
  template <typename Stops>
  std::string_view Until(Stops stops) {
    size_t n = 0;
    while (n < rest_.size() && !stops(rest_[n])) ++n;
    const std::string_view word = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return word;
  }
  // A quoted string, after its first quote.
  bool Quoted(std::string& out) {
    out.clear();
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (c != '\\' || rest_.empty()) {
        out.push_back(c);
        continue;
      }
      const char escaped = rest_.front();
      rest_.remove_prefix(1);
      if (escaped == 'n') {
        out.push_back('\n');
      } else {
        // An unknown escape keeps its backslash, as Prometheus does.
        if (escaped != '\\' && escaped != '"') out.push_back('\\');
        out.push_back(escaped);
      }
    }
    return false;
  }

 private:
  std::string_view rest_;
};

// Bytes of names that need no quotes.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (int c = '0'; c <= '9'; ++c) plain[c] = true;
  for (int c = 'A'; c <= 'Z'; ++c) plain[c] = true;
  for (int c = 'a'; c <= 'z'; ++c) plain[c] = true;
  for (const char c : {'_', ':', '.'}) plain[c] = true;
  return plain;
}();

size_t SkipPlain(std::string_view text, size_t at) {
  while (at < text.size() && kPlain[static_cast<uint8_t>(text[at])]) ++at;
  return at;
}

// Bytes of a series as nearly all senders write it, name{label="value",…} with
// plain names, without spaces and escapes; 0 for others, which may be good too.
size_t PlainSeriesSize(std::string_view text) {
  size_t at = SkipPlain(text, 0);
  if (at == 0 || at == text.size()) return 0;
  if (IsSpace(text[at])) {  // a brace may follow
    const size_t next = text.find_first_not_of(" \t", at);
    return next != std::string_view::npos && text[next] != '{' ? at : 0;
  }
  if (text[at++] != '{') return 0;
  if (at < text.size() && text[at] == '}') return at + 1;
  while (true) {
    const size_t name_end = SkipPlain(text, at);
    if (name_end == at || text.size() - name_end < 3 ||
        text[name_end] != '=' || text[name_end + 1] != '"') {
      return 0;
    }
    const size_t quote = text.find('"', name_end + 2);
    // An empty one may take the name away.
    if (quote == std::string_view::npos || quote + 1 == text.size() ||
        quote == name_end + 2) {
      return 0;
    }
    at = quote + 2;
    if (text[quote + 1] == '}') break;
    if (text[quote + 1] != ',') return 0;
  }
  // A quote may have been none; the first backslash stands before it.
  return text.substr(0, at).find('\\') == std::string_view::npos ? at : 0;
}

// `label="value", "label"="value", "metric"` up to and with the brace. ""
// when all is well, else what is wrong.
std::string_view ReadLabels(Line& line, std::vector<model::Label>& labels) {
  while (true) {
    line.SkipSpaces();
    if (line.Eat('}')) return "";
    model::Label label;
    const bool quoted = line.Eat('"');
    if (quoted) {
      if (!line.Quoted(label.name)) return "a quote is not closed";
    } else {
      label.name = line.Until([](char c) {
        return c == '=' || c == '}' || c == ',' || c == '"' || IsSpace(c);
      });
    }
    line.SkipSpaces();
    if (line.Eat('=')) {
      line.SkipSpaces();
      if (!line.Eat('"')) return "a label value is not quoted";
      if (!line.Quoted(label.value)) return "a quote is not closed";
      if (label.name.empty()) return "a label has no name";
    } else if (quoted) {
      label.value = std::move(label.name);  // {"metric name"}
      label.name = model::kMetricName;
    } else {
      return "a label has no value";
    }
    labels.push_back(std::move(label));
    line.SkipSpaces();
    if (!line.Eat(',') && line.front() != '}') {
      return "labels are not separated by a comma";
    }
  }
}

// The name and the labels before the value; "" when all is well.
std::string_view ReadSeries(Line& line, std::vector<model::Label>& labels) {
  const std::string_view name =
      line.Until([](char c) { return c == '{' || IsSpace(c); });
  if (!name.empty()) {
    labels.push_back({std::string(model::kMetricName), std::string(name)});
  }
  line.SkipSpaces();
  return line.Eat('{') ? ReadLabels(line, labels) : "";
}

bool EqualIgnoringCase(std::string_view a, std::string_view lower_case) {
  if (a.size() != lower_case.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const char c = a[i] >= 'A' && a[i] <= 'Z' ? a[i] + ('a' - 'A') : a[i];
    if (c != lower_case[i]) return false;
  }
  return true;
}

// A name in quotes or up to a space; then the rest is without the space.
bool ReadName(Line& line, std::string& name) {
  line.SkipSpaces();
  if (line.Eat('"')) {
    if (!line.Quoted(name)) return false;
  } else {
    name = line.Until(IsSpace);
  }
  line.SkipSpaces();
  return !name.empty();
}

// \\ and \n, of OpenMetrics \" too.
std::string Unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (text[i] != '\\' || (next != '\\' && next != 'n' && next != '"')) {
      out.push_back(text[i]);
    } else {
      out.push_back(next == 'n' ? '\n' : next);
      ++i;
    }
  }
  return out;
}

std::optional<model::MetricType> TypeOf(std::string_view text) {
  if (text == "untyped") return model::MetricType::kUnknown;
  for (size_t i = 0; i < model::kMetricTypeTexts.size(); ++i) {
    if (text == model::kMetricTypeTexts[i]) {
      return static_cast<model::MetricType>(i);
    }
  }
  return std::nullopt;
}

bool EndsWithEof(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  return text == "# EOF" || text.ends_with("\n# EOF");
}

}  // namespace

std::optional<double> ParseNumber(std::string_view text) {
  bool negative = false;
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (text.empty() || text.front() == '+' || text.front() == '-') {
    return std::nullopt;
  }
  if (EqualIgnoringCase(text, "nan")) return model::NormalNan();
  double value = 0;
  if (EqualIgnoringCase(text, "inf") || EqualIgnoringCase(text, "infinity")) {
    value = std::numeric_limits<double>::infinity();
  } else {
    auto format = std::chars_format::general;
    if (text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == 'x') {
      format = std::chars_format::hex;
      text.remove_prefix(2);
    }
    // from_chars also reads "inf" and "nan(...)": only digits and a point may
    // begin a number here.
    const char first = (text[0] == '.' && text.size() > 1) ? text[1] : text[0];
    const bool digit = first >= '0' && first <= '9';
    const bool hex = format == std::chars_format::hex &&
                     (first | 0x20) >= 'a' && (first | 0x20) <= 'f';
    if (!digit && !hex) return std::nullopt;
    const char* const end = text.data() + text.size();
    const auto [ptr, ec] = std::from_chars(text.data(), end, value, format);
    if (ptr != end) return std::nullopt;
    if (ec == std::errc::result_out_of_range) {
      // Too small is 0 and too large infinite, as strtod and Go have it;
      // from_chars does not say which. The exponent's sign does.
      const size_t e = text.find_last_of("eEpP");
      const bool small = e != std::string_view::npos && e + 1 < text.size() &&
                         text[e + 1] == '-';
      if (!small) return std::nullopt;
      value = 0;
    } else if (ec != std::errc()) {
      return std::nullopt;
    }
  }
  return negative ? -value : value;
}

PrometheusTextReader::PrometheusTextReader(std::string_view text,
                                           int64_t default_ms,
                                           int64_t line_bytes_max,
                                           TextFormat format)
    : ImportReader(text, line_bytes_max),
      default_ms_(default_ms),
      seconds_(format == TextFormat::kOpenMetrics ||
               (format == TextFormat::kPrometheus && EndsWithEof(text))) {}

std::optional<int64_t> PrometheusTextReader::ReadTimestamp(
    std::string_view text) const {
  constexpr int64_t kSecondsWithin = int64_t{1} << 31;
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  if (auto [ptr, ec] = std::from_chars(text.data(), end, number);
      ec == std::errc() && ptr == end && !seconds_ &&
      (number < -kSecondsWithin || number >= kSecondsWithin)) {
    return number;
  }
  const std::optional<double> value = ParseNumber(text);
  if (!value || !(std::abs(*value) < 9.2e15)) return std::nullopt;
  const bool is_seconds =
      seconds_ || std::abs(*value) < static_cast<double>(kSecondsWithin);
  return std::llround(is_seconds ? *value * 1000 : *value);
}

void PrometheusTextReader::ReadComment(std::string_view text,
                                       SampleBatch& batch) {
  Line line(text);
  line.SkipSpaces();
  const std::string_view keyword = line.Until(IsSpace);
  if (keyword != "TYPE" && keyword != "HELP" && keyword != "UNIT") return;
  std::string name;
  if (!ReadName(line, name)) return;
  std::string_view value = line.rest();
  if (keyword != "HELP") {
    while (!value.empty() && IsSpace(value.back())) value.remove_suffix(1);
  }
  const auto type = TypeOf(value);
  if (keyword == "TYPE" && !type) {
    return AddBadLine("an unknown type of metric");
  }
  if (value.size() > kCommentBytesMax) {
    return AddBadLine("a help or a unit is longer than 65536 bytes");
  }
  if (family_.metric != name) {
    family_ = {.metric = name, .type = {}, .help = {}, .unit = {}};
  }
  // Each of a family's comments makes its metadata more complete, without a
  // copy of what the others said.
  const auto set = [&](model::MetricMetadata& metadata) {
    if (keyword == "HELP") {
      metadata.help = Unescaped(value);
    } else if (keyword == "UNIT") {
      metadata.unit = value;
    } else {
      metadata.type = *type;
    }
  };
  set(family_);
  if (!batch.metadata.empty() && batch.metadata.back().metric == name) {
    set(batch.metadata.back());
  } else {
    batch.metadata.push_back(family_);
  }
}

void PrometheusTextReader::AppendExemplar(std::string_view text,
                                          int64_t line_ms, BatchSeries& series,
                                          SampleBatch& batch) {
  Line line(text);
  line.SkipSpaces();
  std::vector<model::Label> labels;
  if (!line.Eat('{') || !ReadLabels(line, labels).empty()) return;
  line.SkipSpaces();
  const std::optional<double> value = ParseNumber(line.Until(IsSpace));
  line.SkipSpaces();
  const std::string_view time = line.Until(IsSpace);
  const std::optional<int64_t> ms =
      time.empty() ? std::optional<int64_t>(line_ms) : ReadTimestamp(time);
  canonical_.clear();
  AppendCanonicalBytes(canonical_, model::LabelSet(std::move(labels)));
  if (!value || !ms || canonical_.size() > kExemplarLabelBytesMax) return;
  series.first_exemplar = static_cast<uint32_t>(batch.exemplars.size());
  series.exemplars = 1;
  model::ExemplarView& exemplar = batch.exemplars.emplace_back();
  exemplar.labels = batch.arena.Copy(canonical_);
  exemplar.value = *value;
  exemplar.timestamp_ms = *ms;
}

void PrometheusTextReader::MakeLabels(std::string_view identity,
                                      std::vector<model::Label>& labels) const {
  Line line(identity);
  labels.clear();
  (void)ReadSeries(line, labels);  // plain text has no errors
  labels = model::LabelSet(std::move(labels)).labels();
}

void PrometheusTextReader::ReadLine(std::string_view text, SampleBatch& batch) {
  Line line(text);
  line.SkipSpaces();
  if (line.empty()) return;
  if (line.Eat('#')) return ReadComment(line.rest(), batch);
  if (batch.identity_reader != this) {
    batch.form = IdentityForm::kOfReader;
    batch.identity_reader = this;
    batch.identity_context = "text";
    // Metadata is for the tenants of its series, and these may go on in
    // another batch than its lines.
    if (batch.metadata.empty() && !family_.metric.empty()) {
      batch.metadata.push_back(family_);
    }
  }
  std::string_view identity =
      line.rest().substr(0, PlainSeriesSize(line.rest()));
  std::vector<model::Label> labels;
  if (!identity.empty()) {
    line.Skip(identity.size());
  } else if (const auto why = ReadSeries(line, labels); !why.empty()) {
    return AddBadLine(why);
  }
  line.SkipSpaces();
  const std::optional<double> value = ParseNumber(line.Until(IsSpace));
  if (!value) return AddBadLine("the value is not a number");
  line.SkipSpaces();
  int64_t timestamp_ms = default_ms_;
  if (!line.empty() && line.front() != '#') {
    const std::optional<int64_t> ms = ReadTimestamp(line.Until(IsSpace));
    if (!ms) return AddBadLine("the timestamp is not a number");
    timestamp_ms = *ms;
    line.SkipSpaces();
    if (!line.empty() && line.front() != '#') {
      return AddBadLine("text after the timestamp");
    }
  }
  if (identity.empty()) {
    const model::LabelSet set(std::move(labels));
    if (set.empty()) return AddBadLine("no name and no labels");
    canonical_.assign(1, kCanonicalMark);
    AppendCanonicalBytes(canonical_, set);
    identity = batch.arena.Copy(canonical_);
  }
  BatchSeries series{.identity = identity,
                     .first_row = static_cast<uint32_t>(batch.values.size()),
                     .rows = 1};
  batch.timestamps_ms.push_back(timestamp_ms);
  batch.values.push_back(*value);
  if (line.Eat('#')) {
    AppendExemplar(line.rest(), timestamp_ms, series, batch);
  }
  batch.series.push_back(series);
}

}  // namespace varve::protocol
