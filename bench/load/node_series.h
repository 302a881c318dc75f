// Series and values like those of many node_exporters: what the load
// generator sends.
//
// An instance has kSeriesPerInstance series; of these kCpuSeriesPerInstance
// are `cpu{cpu,mode}` counters, the rest about a hundred other metrics. Each
// has ten labels. Values are deterministic: constants, integer counters,
// counters of hundredths, and gauges with a few decimals.
//
// Threads: free functions without state.
#ifndef VARVE_BENCH_LOAD_NODE_SERIES_H_
#define VARVE_BENCH_LOAD_NODE_SERIES_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace varve::bench {

inline constexpr int kSeriesPerInstance = 1000;
inline constexpr int kCpuSeriesPerInstance = 128;  // 16 CPUs, 8 modes

// Sorted by name.
using SeriesLabels = std::vector<std::pair<std::string, std::string>>;
SeriesLabels LabelsOf(int64_t series);

// The label fields of a remote-write TimeSeries, sorted by name.
std::string RawLabels(int64_t series);

double ValueAt(int64_t series, int64_t round);

// How late the scrape of the series' instance is in this round: the same for
// all series of an instance, in [0, jitter_ms).
int64_t JitterAt(int64_t series, int64_t round, int64_t jitter_ms);

}  // namespace varve::bench

#endif  // VARVE_BENCH_LOAD_NODE_SERIES_H_
