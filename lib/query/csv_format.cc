#include "lib/query/csv_format.h"

#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "lib/base/status.h"
#include "lib/promql/number_text.h"

namespace varve::query {
namespace {

constexpr size_t kColumnsMax = 256;
constexpr size_t kLayoutBytesMax = 256;
constexpr std::string_view kTimestamp = "__timestamp__";

}  // namespace

void AppendCsvField(std::string& out, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == text.npos) {
    out += text;
    return;
  }
  out.push_back('"');
  for (const char c : text) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
}

absl::StatusOr<CsvFormat> CsvFormat::Parse(std::string_view text) {
  if (text.empty()) return base::InvalidArgument("missing `format` arg");
  CsvFormat format;
  for (const absl::string_view part :
       absl::StrSplit(base::ToAbsl(text), ',')) {
    const std::string_view name(part.data(), part.size());
    Column& column = format.columns_.emplace_back();
    column.text = name;
    if (name.empty()) {
      return base::InvalidArgument("`format` \"", text,
                                   "\" has an empty column");
    }
    if (name == "__value__") column.kind = Kind::kValue;
    if (!name.starts_with(kTimestamp)) continue;
    std::string_view how = name.substr(kTimestamp.size());
    if (how.empty() || how == ":unix_s") {
      column.kind = Kind::kUnixS;
    } else if (how == ":unix_ms") {
      column.kind = Kind::kUnixMs;
    } else if (how == ":unix_ns") {
      column.kind = Kind::kUnixNs;
    } else if (how == ":rfc3339") {
      column.kind = Kind::kCalendar;
      column.text = "%Y-%m-%dT%H:%M:%E3SZ";
    } else if (how.starts_with(":custom:")) {
      column.kind = Kind::kCalendar;
      column.text = how.substr(8);
      if (column.text.size() > kLayoutBytesMax) {
        return base::InvalidArgument("a layout of ", column.text.size(),
                                     " bytes in `format`; at most ",
                                     kLayoutBytesMax, " are taken");
      }
    } else {
      return base::InvalidArgument(
          "unsupported column \"", name,
          "\" of `format`; times are unix_s, unix_ms, unix_ns, rfc3339 and "
          "custom:<layout>");
    }
  }
  if (format.columns_.size() > kColumnsMax) {
    return base::InvalidArgument("`format` has ", format.columns_.size(),
                                 " columns; at most ", kColumnsMax,
                                 " are written");
  }
  return format;
}

void CsvFormat::Append(std::string& out,
                       const cluster::MergedSeries& series, size_t begin,
                       size_t end) const {
  for (size_t i = begin; i < end; ++i) {
    const int64_t ms = series.samples.timestamps_ms[i];
    for (size_t c = 0; c < columns_.size(); ++c) {
      if (c > 0) out.push_back(',');
      const Column& column = columns_[c];
      switch (column.kind) {
        case Kind::kLabel:
          AppendCsvField(out, series.labels.Get(column.text));
          break;
        case Kind::kValue:
          promql::AppendApiNumber(out, series.samples.values[i]);
          break;
        case Kind::kUnixS:
          base::StrAppend(&out, ms / 1000);
          break;
        case Kind::kUnixMs:
          base::StrAppend(&out, ms);
          break;
        case Kind::kUnixNs:
          base::StrAppend(&out, ms * 1'000'000);
          break;
        case Kind::kCalendar:
          AppendCsvField(out, absl::FormatTime(column.text,
                                               absl::FromUnixMillis(ms),
                                               absl::UTCTimeZone()));
          break;
      }
    }
    out.push_back('\n');
  }
}

}  // namespace varve::query
