#include "lib/graphite/series.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace varve::graphite {
namespace {

double Median(std::vector<double>& values) {
  const size_t middle = values.size() / 2;
  std::ranges::nth_element(values, values.begin() + static_cast<long>(middle));
  const double upper = values[middle];
  if (values.size() % 2 == 1) return upper;
  return (upper + *std::max_element(
                      values.begin(),
                      values.begin() + static_cast<long>(middle))) / 2;
}

double Stddev(std::span<const double> values, double mean) {
  double squares = 0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return std::sqrt(squares / static_cast<double>(values.size()));
}

// REQUIRES: values, none of them missing.
double AggregatePresent(Aggregation how, std::vector<double>& values,
                        size_t all) {
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  const auto count = static_cast<double>(values.size());
  switch (how) {
    case Aggregation::kAverage:
      return sum / count;
    case Aggregation::kAverageZero:
      return sum / static_cast<double>(all);
    case Aggregation::kCount:
      return count;
    case Aggregation::kDifference:
      return 2 * values[0] - sum;
    case Aggregation::kFirst:
      return values.front();
    case Aggregation::kLast:
      return values.back();
    case Aggregation::kMax:
      return std::ranges::max(values);
    case Aggregation::kMedian:
      return Median(values);
    case Aggregation::kMin:
      return std::ranges::min(values);
    case Aggregation::kMultiply:
      return std::accumulate(values.begin(), values.end(), 1.0,
                             std::multiplies<>());
    case Aggregation::kRange:
      return std::ranges::max(values) - std::ranges::min(values);
    case Aggregation::kStddev:
      return Stddev(values, sum / count);
    case Aggregation::kSum:
      return sum;
  }
  return kNone;
}

}  // namespace

std::optional<Aggregation> ParseAggregation(std::string_view name) {
  constexpr std::string_view kSeries = "Series";
  if (name.size() > kSeries.size() && name.ends_with(kSeries)) {
    name.remove_suffix(kSeries.size());
  }
  constexpr std::pair<std::string_view, Aggregation> kNames[] = {
      {"average", Aggregation::kAverage}, {"avg", Aggregation::kAverage},
      {"avg_zero", Aggregation::kAverageZero},
      {"count", Aggregation::kCount},     {"current", Aggregation::kLast},
      {"diff", Aggregation::kDifference}, {"first", Aggregation::kFirst},
      {"last", Aggregation::kLast},       {"max", Aggregation::kMax},
      {"median", Aggregation::kMedian},   {"min", Aggregation::kMin},
      {"multiply", Aggregation::kMultiply}, {"range", Aggregation::kRange},
      {"rangeOf", Aggregation::kRange},   {"stddev", Aggregation::kStddev},
      {"sum", Aggregation::kSum},         {"total", Aggregation::kSum}};
  for (const auto& [known, how] : kNames) {
    if (name == known) return how;
  }
  return std::nullopt;
}

double Aggregate(Aggregation how, std::span<const double> values,
                 double x_files_factor) {
  std::vector<double> present;
  present.reserve(values.size());
  for (const double value : values) {
    if (!IsNone(value)) present.push_back(value);
  }
  if (present.empty() || static_cast<double>(present.size()) /
                                 static_cast<double>(values.size()) <
                             x_files_factor) {
    return kNone;
  }
  return AggregatePresent(how, present, values.size());
}

std::vector<double> Consolidate(const Series& series, const Grid& buckets,
                                Aggregation how) {
  std::vector<double> made;
  made.reserve(buckets.points());
  size_t begin = 0;
  int64_t bucket_end_ms = buckets.start_ms;
  for (size_t i = 0; i < buckets.points(); ++i) {
    bucket_end_ms += buckets.step_ms;
    size_t end = begin;
    while (end < series.values.size() &&
           series.start_ms + static_cast<int64_t>(end) * series.step_ms <
               bucket_end_ms) {
      ++end;
    }
    made.push_back(Aggregate(
        how, std::span(series.values).subspan(begin, end - begin),
        series.x_files_factor));
    begin = end;
  }
  return made;
}

}  // namespace varve::graphite
