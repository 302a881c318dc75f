#include "lib/protocol/csv.h"

#include <charconv>

#include "absl/time/time.h"
#include "lib/base/status.h"
#include "lib/protocol/go_time_layout.h"
#include "lib/protocol/line_words.h"
#include "lib/protocol/prometheus_text.h"

namespace varve::protocol {
namespace {

using Column = CsvColumns::Column;
using Kind = CsvColumns::Kind;
using TimeForm = CsvColumns::TimeForm;

// Labels of one line, repeated for each of its values.
constexpr size_t kLabelBytesMax = 32 << 20;

absl::Status SetTimeForm(std::string_view text, Column& column) {
  constexpr std::string_view kCustom = "custom:";
  if (text == "unix_s") {
    column.time = TimeForm::kSeconds;
  } else if (text == "unix_ms") {
    column.time = TimeForm::kMillis;
  } else if (text == "unix_ns") {
    column.time = TimeForm::kNanos;
  } else if (text == "rfc3339") {
    column.time = TimeForm::kLayout;
    column.name = absl::RFC3339_full;
  } else if (text.starts_with(kCustom) && text.size() > kCustom.size()) {
    column.time = TimeForm::kLayout;
    ASSIGN_OR_RETURN(column.name,
                     ParseLayoutOfGo(text.substr(kCustom.size())));
  } else {
    return base::InvalidArgument(
        "unknown form of time \"", text,
        "\"; there are unix_s, unix_ms, unix_ns, rfc3339, custom:<layout>");
  }
  return absl::OkStatus();
}

// "2:metric:ask": the place, from 0, and what is there.
absl::StatusOr<size_t> ReadEntry(std::string_view entry, Column& column) {
  const size_t first = entry.find(':');
  const size_t second =
      first == std::string_view::npos ? first : entry.find(':', first + 1);
  if (second == std::string_view::npos) {
    return base::InvalidArgument("not of the form <column>:<kind>:<name>");
  }
  size_t place = 0;
  const auto [end, ec] =
      std::from_chars(entry.data(), entry.data() + first, place);
  if (ec != std::errc() || end != entry.data() + first || place == 0 ||
      place > kCsvColumnsMax) {
    return base::InvalidArgument("the column is not a number from 1 to ",
                                 kCsvColumnsMax);
  }
  const std::string_view kind = entry.substr(first + 1, second - first - 1);
  const std::string_view name = entry.substr(second + 1);
  if (kind == "time") {
    column.kind = Kind::kTime;
    RETURN_IF_ERROR(SetTimeForm(name, column));
  } else if (kind == "label" || kind == "metric") {
    if (name.empty()) return base::InvalidArgument("the name is empty");
    column.kind = kind == "label" ? Kind::kLabel : Kind::kMetric;
    column.name = name;
  } else {
    return base::InvalidArgument("unknown kind of column \"", kind,
                                 "\"; there are time, label, metric");
  }
  return place - 1;
}

std::optional<int64_t> ReadTime(const Column& column, std::string_view text) {
  if (column.time == TimeForm::kLayout) {
    absl::Time time;
    std::string why;
    if (!absl::ParseTime(column.name, std::string(text), &time, &why)) {
      return std::nullopt;
    }
    return absl::ToUnixMillis(time);
  }
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [ptr, ec] = std::from_chars(text.data(), end, number);
  if (ec != std::errc() || ptr != end) return std::nullopt;
  switch (column.time) {
    case TimeForm::kSeconds:
      if (number > INT64_MAX / 1000 || number < INT64_MIN / 1000) {
        return std::nullopt;
      }
      return number * 1000;
    case TimeForm::kNanos:
      return number / 1'000'000;
    default:
      return number;
  }
}

// Takes the first field and its comma off `line`. Nothing when quotes are not
// closed, or not before a comma.
std::optional<std::string_view> NextField(std::string_view& line,
                                          std::string& unquoted) {
  if (!line.starts_with('"')) {
    const size_t comma = line.find(',');
    const std::string_view field = line.substr(0, comma);
    line.remove_prefix(comma == std::string_view::npos ? line.size()
                                                       : comma + 1);
    return field;
  }
  unquoted.clear();
  for (size_t at = 1;;) {
    const size_t quote = line.find('"', at);
    if (quote == std::string_view::npos) return std::nullopt;
    unquoted.append(line.substr(at, quote - at));
    at = quote + 1;
    if (at == line.size()) break;
    if (line[at] == ',') {
      line.remove_prefix(at + 1);
      return unquoted;
    }
    if (line[at] != '"') return std::nullopt;
    unquoted.push_back('"');
    ++at;
  }
  line = {};
  return unquoted;
}

}  // namespace

absl::StatusOr<CsvColumns> CsvColumns::Parse(std::string_view format) {
  CsvColumns parsed;
  bool has_value = false;
  bool has_time = false;
  for (bool more = true; more;) {
    const size_t comma = format.find(',');
    more = comma != std::string_view::npos;
    const std::string_view entry = format.substr(0, comma);
    format.remove_prefix(more ? comma + 1 : format.size());
    Column column;
    const absl::StatusOr<size_t> place = ReadEntry(entry, column);
    if (!place.ok()) {
      return base::Annotate(place.status(),
                            base::StrCat("format, \"", entry.substr(0, 100),
                                         "\""));
    }
    if (column.kind == Kind::kTime && std::exchange(has_time, true)) {
      return base::InvalidArgument("format: there are two columns of times");
    }
    has_value = has_value || column.kind == Kind::kMetric;
    if (parsed.columns_.size() <= *place) parsed.columns_.resize(*place + 1);
    if (parsed.columns_[*place].kind != Kind::kUnused) {
      return base::InvalidArgument("format: column ", *place + 1,
                                   " is named twice");
    }
    parsed.columns_[*place] = std::move(column);
  }
  if (!has_value) {
    return base::InvalidArgument("format: there is no column of a metric");
  }
  return parsed;
}

std::string_view CsvReader::TakeField(const Column& column,
                                      std::string_view field) {
  if (field.empty()) return "";
  switch (column.kind) {
    case Kind::kUnused:
      break;
    case Kind::kLabel:
      labels_.push_back({column.name, std::string(field)});
      break;
    case Kind::kTime: {
      const std::optional<int64_t> ms = ReadTime(column, field);
      if (!ms) return "the time cannot be read";
      timestamp_ms_ = *ms;
      break;
    }
    case Kind::kMetric: {
      const std::optional<double> value = ParseNumber(field);
      if (!value) return "a value is not a number";
      values_.emplace_back(column.name, *value);
      break;
    }
  }
  return "";
}

void CsvReader::ReadLine(std::string_view line, SampleBatch& batch) {
  if (line.empty()) return;
  timestamp_ms_ = default_ms_;
  labels_.clear();
  values_.clear();
  size_t column = 0;
  for (; !line.empty() && column < columns_.size(); ++column) {
    const auto field = NextField(line, unquoted_);
    if (!field) return AddBadLine("quotes are not closed before a comma");
    const std::string_view why = TakeField(columns_[column], *field);
    if (!why.empty()) return AddBadLine(why);
  }
  if (values_.empty()) {
    if (column < columns_.size()) {
      AddBadLine(base::StrCat(column, " columns where the format has ",
                              columns_.size(), ", and no value"));
    }
    return;
  }
  if (trim_ms_ > 1) timestamp_ms_ -= timestamp_ms_ % trim_ms_;
  sealed_.Clear();
  for (const model::Label& label : labels_) {
    sealed_.Add(label.name, label.value);
  }
  sealed_.Seal();
  if (values_.size() * sealed_.sealed_bytes() > kLabelBytesMax) {
    return AddBadLine("its values times its labels exceed 33554432 bytes");
  }
  for (const auto& [metric, value] : values_) {
    canonical_.clear();
    sealed_.AppendCanonical(metric, canonical_);
    AppendRow(canonical_, timestamp_ms_, value, batch);
  }
}

}  // namespace varve::protocol
