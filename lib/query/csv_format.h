// Samples as lines of comma-separated values, in columns the user names.
//
//   __name__,job,__value__,__timestamp__:unix_ms
//
// A column is the value, the time, or the value of a label ("" where a series
// lacks it). Times: unix_s (the default), unix_ms, unix_ns, rfc3339, or
// custom:<layout> of strftime. Fields with commas, quotes or line breaks are
// quoted as RFC 4180 says.
//
// Errors:  InvalidArgument that names the column.
// Threads: a CsvFormat is immutable.
#ifndef VARVE_LIB_QUERY_CSV_FORMAT_H_
#define VARVE_LIB_QUERY_CSV_FORMAT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/cluster/reader.h"

namespace varve::query {

// In quotes where RFC 4180 asks for them.
void AppendCsvField(std::string& out, std::string_view text);

class CsvFormat {
 public:
  static absl::StatusOr<CsvFormat> Parse(std::string_view text);
  // A line for each float sample from `begin` on, before `end`.
  void Append(std::string& out, const cluster::MergedSeries& series,
              size_t begin, size_t end) const;

 private:
  enum class Kind { kLabel, kValue, kUnixS, kUnixMs, kUnixNs, kCalendar };
  struct Column {
    Kind kind = Kind::kLabel;
    std::string text;  // the label, or the calendar's layout
  };
  std::vector<Column> columns_;
};

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_CSV_FORMAT_H_
