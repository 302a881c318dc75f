#include "lib/protocol/prometheus_text.h"

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
      seconds_(format == TextFormat::kOpenMetrics || EndsWithEof(text)) {}

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

void PrometheusTextReader::ReadLine(std::string_view text, SampleBatch& batch) {
  Line line(text);
  line.SkipSpaces();
  if (line.empty()) return;
  if (line.Eat('#')) return ReadComment(line.rest(), batch);
  std::vector<model::Label> labels;
  const std::string_view name =
      line.Until([](char c) { return c == '{' || IsSpace(c); });
  if (!name.empty()) {
    labels.push_back({std::string(model::kMetricName), std::string(name)});
  }
  line.SkipSpaces();
  if (line.Eat('{')) {
    if (const std::string_view why = ReadLabels(line, labels); !why.empty()) {
      return AddBadLine(why);
    }
    line.SkipSpaces();
  }
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
  const model::LabelSet set(std::move(labels));
  if (set.empty()) return AddBadLine("no name and no labels");
  canonical_.clear();
  AppendCanonicalBytes(canonical_, set);
  BatchSeries series{.identity = batch.arena.Copy(canonical_),
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
