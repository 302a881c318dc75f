// Series as Graphite sees them: values on a grid of equal steps, some missing.
//
// Threads: values and free functions without state.
#ifndef VARVE_LIB_GRAPHITE_SERIES_H_
#define VARVE_LIB_GRAPHITE_SERIES_H_

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace varve::graphite {

// A value that is not there.
inline constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
inline bool IsNone(double value) { return std::isnan(value); }

// Points at start_ms, start_ms + step_ms, … before end_ms; each stands for the
// samples from it up to the next.
struct Grid {
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t step_ms = 0;  // above 0

  size_t points() const {
    return end_ms <= start_ms
               ? 0
               : static_cast<size_t>((end_ms - start_ms) / step_ms);
  }
};

// How several values become one; missing ones are left out.
enum class Aggregation : uint8_t {
  kAverage,
  kAverageZero,  // missing ones count as 0
  kCount,
  kDifference,  // the first less all others
  kFirst,
  kLast,
  kMax,
  kMedian,
  kMin,
  kMultiply,
  kRange,
  kStddev,
  kSum,
};

// "sum", "total", "sumSeries", "avg" …; nothing when it is none.
std::optional<Aggregation> ParseAggregation(std::string_view name);

// None where there are no values, or a smaller share than `x_files_factor`.
double Aggregate(Aggregation how, std::span<const double> values,
                 double x_files_factor = 0);

struct Series {
  std::string name;
  // What the values were read or made by; functions show it in names.
  std::string path;
  std::map<std::string, std::string> tags;  // "name" among them
  int64_t start_ms = 0;
  int64_t step_ms = 0;
  std::vector<double> values;
  Aggregation consolidation = Aggregation::kAverage;
  double x_files_factor = 0;

  int64_t end_ms() const {
    return start_ms + step_ms * static_cast<int64_t>(values.size());
  }
};

using SeriesList = std::vector<Series>;

// `values` of steps of `step_ms` in larger ones: bucket i begins at
// `buckets.start_ms` + i * step.
std::vector<double> Consolidate(const Series& series, const Grid& buckets,
                                Aggregation how);

}  // namespace varve::graphite

#endif  // VARVE_LIB_GRAPHITE_SERIES_H_
