// Reads and runs `load` / `eval` scripts of PromQL tests, floats only.
//
// In:      text in the language of prometheus/prometheus
//          promql/promqltest/README.md: load, load_with_nhcb, clear, eval
//          instant|range with expected series, scalars, `expect fail` and
//          ordered results. Annotations are read over.
// Out:     for each eval what went wrong, or nothing.
// Errors:  InvalidArgument with the line for text that is no script.
// Threads: one script, one thread.
//
// A case that loads, selects or expects native histograms is marked so and
// not run.
#ifndef VARVE_TESTS_PROMQL_PROMQL_SCRIPT_H_
#define VARVE_TESTS_PROMQL_PROMQL_SCRIPT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/eval/series_source.h"
#include "lib/model/label.h"

namespace varve::promqltest {

struct ExpectedSeries {
  model::LabelSet labels;
  std::vector<std::optional<double>> values;
};

struct ScriptCase {
  int line = 0;
  std::string command;
  std::string expr;
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t step_ms = 0;  // 0: instant
  bool ordered = false;
  bool fails = false;
  bool native = false;
  std::optional<double> scalar;
  std::vector<ExpectedSeries> expected;
};

struct ScriptCommand {
  enum class Kind { kLoad, kClear, kEval } kind = Kind::kClear;
  std::vector<eval::SeriesData> series;           // kLoad
  std::vector<model::LabelSet> histogram_series;  // kLoad
  ScriptCase eval;                                // kEval
};

absl::StatusOr<std::vector<ScriptCommand>> ParseScript(std::string_view text);

struct CaseResult {
  int line = 0;
  std::string command;
  bool native = false;
  std::string problem;  // "" if the case passed or is native
};

struct RunOptions {
  bool delayed_name_removal = false;
};

std::vector<CaseResult> RunScript(const std::vector<ScriptCommand>& script,
                                  const RunOptions& options = {});

}  // namespace varve::promqltest

#endif  // VARVE_TESTS_PROMQL_PROMQL_SCRIPT_H_
