// CSV lines, as /api/v1/import/csv takes them, by a format that says what each
// column is:
//
//   format=2:metric:ask,3:metric:bid,1:label:ticker,4:time:unix_s
//
// In:      columns of labels, of one time and of one or more values, counted
//          from 1; others are passed over. Times: unix_s, unix_ms, unix_ns,
//          rfc3339 or custom:<layout of Go's time>. A field in double quotes
//          may have commas, and quotes as "". Lines end at each newline.
// Out:     per line a series with one row for each value, in canonical form.
//          An empty value or label does not exist; an empty time is
//          `default_ms`. Times are cut down to multiples of `trim_ms`.
// Errors:  Parse: InvalidArgument naming the entry. A line is skipped and
//          counted when a value or the time cannot be read, as those of a
//          title cannot, when quotes are wrong, or when columns are missing
//          and it has no value.
// Threads: a CsvColumns is immutable; a reader belongs to one thread.
// Source:  "How to import CSV data" of VictoriaMetrics' documentation.
#ifndef VARVE_LIB_PROTOCOL_CSV_H_
#define VARVE_LIB_PROTOCOL_CSV_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/model/label.h"
#include "lib/protocol/import_reader.h"
#include "lib/protocol/line_labels.h"

namespace varve::protocol {

// As VictoriaMetrics; more are a mistake.
inline constexpr size_t kCsvColumnsMax = 64 << 10;

class CsvColumns {
 public:
  enum class Kind : uint8_t { kUnused, kMetric, kLabel, kTime };
  enum class TimeForm : uint8_t { kSeconds, kMillis, kNanos, kLayout };
  struct Column {
    Kind kind = Kind::kUnused;
    std::string name;  // of the metric or the label; the layout of absl::Time
    TimeForm time = TimeForm::kSeconds;
  };

  static absl::StatusOr<CsvColumns> Parse(std::string_view format);

  const std::vector<Column>& columns() const { return columns_; }

 private:
  std::vector<Column> columns_;
};

class CsvReader final : public ImportReader {
 public:
  // Keeps a view of `text` and of `columns`.
  CsvReader(std::string_view text, const CsvColumns& columns,
            int64_t default_ms, int64_t trim_ms = 1,
            int64_t line_bytes_max = kLineBytesMax)
      : ImportReader(text, line_bytes_max),
        columns_(columns.columns()),
        default_ms_(default_ms),
        trim_ms_(trim_ms) {}

 private:
  void ReadLine(std::string_view line, SampleBatch& batch) override;
  // What is wrong with a field, or "".
  std::string_view TakeField(const CsvColumns::Column& column,
                             std::string_view field);

  const std::vector<CsvColumns::Column>& columns_;
  const int64_t default_ms_;
  const int64_t trim_ms_;
  // Of the line under way.
  int64_t timestamp_ms_ = 0;
  std::vector<model::Label> labels_;
  LineLabels sealed_;  // labels_
  std::vector<std::pair<std::string_view, double>> values_;
  std::string unquoted_;
  std::string canonical_;
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_CSV_H_
