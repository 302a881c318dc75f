#include "tests/promql/series_text.h"

#include <cctype>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "lib/base/status.h"
#include "lib/model/sample.h"

namespace varve::promqltest {
namespace {

bool IsNameByte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ||
         c == ':';
}

// A cursor over one line.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool done() const { return at_ >= text_.size(); }
  std::string_view rest() const { return text_.substr(at_); }
  void SkipSpace() {
    while (!done() && std::isspace(static_cast<unsigned char>(text_[at_]))) {
      ++at_;
    }
  }
  bool Take(std::string_view token) {
    if (!rest().starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  std::string_view Name() {
    const size_t begin = at_;
    while (!done() && IsNameByte(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  std::string_view Until(std::string_view stops) {
    const size_t end = text_.find_first_of(stops, at_);
    const size_t begin =
        std::exchange(at_, end == std::string_view::npos ? text_.size() : end);
    return text_.substr(begin, at_ - begin);
  }
  // A quoted string; nullopt if there is none.
  std::optional<std::string> Quoted() {
    if (done() || (text_[at_] != '"' && text_[at_] != '\'')) return {};
    const char quote = text_[at_++];
    std::string out;
    while (!done() && text_[at_] != quote) {
      char c = text_[at_++];
      if (c == '\\' && !done()) {
        c = text_[at_++];
        if (c == 'n') c = '\n';
        if (c == 't') c = '\t';
      }
      out += c;
    }
    ++at_;
    return out;
  }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

absl::Status ReadLabels(Reader& reader, std::vector<model::Label>& labels) {
  const std::string_view name = reader.Name();
  if (!name.empty()) {
    labels.push_back({std::string(model::kMetricName), std::string(name)});
  }
  reader.SkipSpace();
  if (reader.rest().starts_with("{{") || !reader.Take("{")) {
    return absl::OkStatus();
  }
  while (true) {
    reader.SkipSpace();
    if (reader.Take("}")) return absl::OkStatus();
    std::optional<std::string> label = reader.Quoted();
    if (!label) label = std::string(reader.Name());
    reader.SkipSpace();
    if (reader.Take("=")) {
      reader.SkipSpace();
      const std::optional<std::string> value = reader.Quoted();
      if (!value) return base::InvalidArgument("label value expected");
      labels.push_back({*label, *value});
    } else {
      labels.push_back({std::string(model::kMetricName), *label});
    }
    reader.SkipSpace();
    if (reader.done()) return base::InvalidArgument("labels do not end");
    reader.Take(",");
  }
}

// Takes "x5" off the end of `token`; how often its value repeats.
size_t TakeTimes(std::string_view& token) {
  const size_t x = token.rfind('x');
  int64_t times = 0;
  if (x == std::string_view::npos ||
      !absl::SimpleAtoi(base::ToAbsl(token.substr(x + 1)), &times)) {
    return 0;
  }
  token = token.substr(0, x);
  return static_cast<size_t>(times);
}

absl::Status ReadFloats(std::string_view token, SeriesText& series) {
  const std::string_view all = token;
  const size_t times = TakeTimes(token);
  if (token == "_") {
    series.values.resize(series.values.size() + std::max<size_t>(times, 1));
    return absl::OkStatus();
  }
  if (token == "stale") {
    series.values.insert(series.values.end(), times + 1, model::StaleNan());
    return absl::OkStatus();
  }
  // The step's sign is the last one that is neither first nor an exponent's.
  double step = 0;
  for (size_t i = token.size(); i-- > 1;) {
    if (token[i] != '+' && token[i] != '-') continue;
    if (token[i - 1] == 'e' || token[i - 1] == 'E') continue;
    const std::optional<double> found = ParseScriptNumber(token.substr(i));
    if (!found) return base::InvalidArgument("bad value ", all);
    step = *found;
    token = token.substr(0, i);
    break;
  }
  const std::optional<double> first = ParseScriptNumber(token);
  if (!first) return base::InvalidArgument("bad value ", all);
  double value = *first;
  for (size_t i = 0; i <= times; ++i) {
    series.values.push_back(value);
    value += step;
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<double> ParseScriptNumber(std::string_view text) {
  double value = 0;
  if (!absl::SimpleAtod(base::ToAbsl(text), &value)) return std::nullopt;
  return value != value ? model::NormalNan() : value;
}

absl::StatusOr<SeriesText> ParseSeriesText(std::string_view text) {
  Reader reader(text);
  SeriesText series;
  std::vector<model::Label> labels;
  RETURN_IF_ERROR(ReadLabels(reader, labels));
  series.labels = model::LabelSet(std::move(labels));
  while (true) {
    reader.SkipSpace();
    if (reader.done()) return series;
    if (reader.rest().starts_with("{{")) {
      series.has_histograms = true;
      while (!reader.done() && !reader.Take("}}"))
        reader.Take(reader.rest().substr(0, 1));
      if (reader.rest().starts_with("+{{") ||
          reader.rest().starts_with("-{{")) {
        reader.Take(reader.rest().substr(0, 1));
        continue;
      }
      reader.Until(" \t");
      continue;
    }
    RETURN_IF_ERROR(ReadFloats(reader.Until(" \t"), series));
  }
}

absl::StatusOr<int64_t> ParseScriptTimeMs(std::string_view text) {
  if (const std::optional<double> seconds = ParseScriptNumber(text)) {
    return static_cast<int64_t>(*seconds * 1000);
  }
  int64_t total = 0;
  size_t at = 0;
  while (at < text.size()) {
    int64_t number = 0;
    while (at < text.size() &&
           std::isdigit(static_cast<unsigned char>(text[at]))) {
      number = number * 10 + (text[at++] - '0');
    }
    const size_t begin = at;
    while (at < text.size() &&
           std::isalpha(static_cast<unsigned char>(text[at])))
      ++at;
    const std::string_view unit = text.substr(begin, at - begin);
    const int64_t unit_ms = unit == "ms"  ? 1
                            : unit == "s" ? 1'000
                            : unit == "m" ? 60'000
                            : unit == "h" ? 3'600'000
                            : unit == "d" ? 86'400'000
                                          : 0;
    if (unit_ms == 0) return base::InvalidArgument("bad time ", text);
    total += number * unit_ms;
  }
  return total;
}

}  // namespace varve::promqltest
