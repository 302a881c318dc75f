// The same series and samples as the bodies of different protocols.
//
// Threads: all const members from any thread.
#ifndef VARVE_BENCH_LOAD_REQUEST_BODIES_H_
#define VARVE_BENCH_LOAD_REQUEST_BODIES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/node_series.h"

namespace varve::bench {

enum class BodyFormat { kWrite1, kWrite2, kText, kInflux, kOtlp };

// "write1", "write2", "text", "influx" or "otlp"; ends the program for others.
BodyFormat ParseBodyFormat(const std::string& name);

class RequestBodies {
 public:
  // `codec`: none, gzip, zstd or, for remote write alone, snappy.
  RequestBodies(BodyFormat format, const std::string& codec, int64_t series);

  // HTTP headers that go with the bodies, each with its line end.
  std::string Headers() const;

  // One sample of each of the series [first, first + count), compressed.
  // times_ms[i] is the time of the i-th of them.
  std::string Make(int64_t first, int64_t round,
                   const std::vector<int64_t>& times_ms) const;

 private:
  std::string Plain(int64_t first, int64_t round,
                    const std::vector<int64_t>& times_ms) const;
  std::string Write1(int64_t first, int64_t round,
                     const std::vector<int64_t>& times_ms) const;
  std::string Write2(int64_t first, int64_t round,
                     const std::vector<int64_t>& times_ms) const;
  std::string Lines(int64_t first, int64_t round,
                    const std::vector<int64_t>& times_ms) const;
  std::string Otlp(int64_t first, int64_t round,
                   const std::vector<int64_t>& times_ms) const;

  const BodyFormat format_;
  const std::string codec_;
  // What is the same in every round: labels as the format has them.
  std::vector<std::string> labels_;
  std::vector<SeriesLabels> label_pairs_;  // of formats that group series
};

}  // namespace varve::bench

#endif  // VARVE_BENCH_LOAD_REQUEST_BODIES_H_
