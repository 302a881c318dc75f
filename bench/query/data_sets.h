// The series and values of the query benchmark, see README.md.
//
// Values are deterministic, so that every system under test gets the same.
//
// Threads: free functions without state.
#ifndef VARVE_BENCH_QUERY_DATA_SETS_H_
#define VARVE_BENCH_QUERY_DATA_SETS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace varve::bench {

struct DataSet {
  std::string_view name;  // also the label `job`
  int64_t series = 0;
  int64_t samples = 0;  // of each series
  int64_t interval_ms = 0;
  // The label fields of a remote-write TimeSeries, sorted by name.
  std::string (*labels)(int64_t series) = nullptr;
  double (*value)(int64_t series, int64_t sample) = nullptr;
};

// "wide", "hist" or "tsbs".
std::optional<DataSet> DataSetByName(std::string_view name);

}  // namespace varve::bench

#endif  // VARVE_BENCH_QUERY_DATA_SETS_H_
