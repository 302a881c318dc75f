// The series notation of PromQL test scripts: `up{job="x"} 0+1x10 _ stale`.
//
// Errors:  InvalidArgument for text that is no series.
// Threads: free functions without state.
// Source:  prometheus/prometheus promql/promqltest/README.md.
#ifndef VARVE_TESTS_PROMQL_SERIES_TEXT_H_
#define VARVE_TESTS_PROMQL_SERIES_TEXT_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/model/label.h"

namespace varve::promqltest {

struct SeriesText {
  model::LabelSet labels;
  std::vector<std::optional<double>> values;  // none: no sample
  bool has_histograms = false;                // whose values are left out
};

absl::StatusOr<SeriesText> ParseSeriesText(std::string_view text);

// "5m", "10s53ms", "0", "-30" (seconds).
absl::StatusOr<int64_t> ParseScriptTimeMs(std::string_view text);

// A number of a script, "Inf" and "NaN" included.
std::optional<double> ParseScriptNumber(std::string_view text);

}  // namespace varve::promqltest

#endif  // VARVE_TESTS_PROMQL_SERIES_TEXT_H_
