// A recording of real scrapes, as bench/record/record.py writes it.
//
// In:      a zstd file, at most 1 GiB unpacked; layout: README.md beside this.
// Errors:  the compressor's, or DataLoss for a layout it does not know.
#ifndef VARVE_BENCH_RECORD_RECORDING_H_
#define VARVE_BENCH_RECORD_RECORDING_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace varve::bench {

// A line of a /metrics page for as long as it was on each page read.
struct RecordedRun {
  std::string labels;
  size_t first = 0;  // index of its first scrape
  std::vector<double> values;
};

struct RecordedTarget {
  std::string job;
  std::vector<int64_t> scrapes_ms;
  std::vector<RecordedRun> runs;
};

absl::StatusOr<std::vector<RecordedTarget>> ReadRecording(
    const std::string& path);

}  // namespace varve::bench

#endif  // VARVE_BENCH_RECORD_RECORDING_H_
