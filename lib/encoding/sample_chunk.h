// One run of samples as bytes: a timestamp column and a value column.
//
// In:      1..65535 samples; timestamps never decrease; any float64 bits.
// Out:     bytes appended to `out`; what it held before is kept.
// Errors:  DataLoss for missing, surplus or impossible bytes; decoders never
//          read outside `src`. Lossless for every bit pattern.
// Threads: free functions without state.
// Source:  docs/formats/chunk.md: constant; decimal m/10^e by correctly
//          rounded division; ordered raw bits; delta or frame of reference;
//          PFOR in blocks of 128 with little-endian bit packing.
#ifndef VARVE_LIB_ENCODING_SAMPLE_CHUNK_H_
#define VARVE_LIB_ENCODING_SAMPLE_CHUNK_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "lib/encoding/column_kernels.h"

namespace varve::encoding {

inline constexpr size_t kChunkSamplesMax = 65'535;

// What a series' last chunks taught the encoder, so that the next ones take less
// time. Kept beside a series; all zero: nothing is known. Any content is safe.
struct ValueHints {
  uint8_t age = 0;  // chunks since the search for the rest; 0: none was made
  uint8_t scheme = 0;
  uint8_t scale = 0;
  uint8_t predictor = 0;
};

// The last argument is for tests and benchmarks: the bytes are the same.
void EncodeValues(std::span<const double> values, ValueHints& hints,
                  std::string& out, const ColumnKernels& kernels = Kernels());
// For runs whose series is not at hand.
inline void EncodeValues(std::span<const double> values, std::string& out) {
  ValueHints none;
  EncodeValues(values, none, out);
}
// What the chunk was encoded with, for one of more samples of its series. Any
// bytes are safe; a constant tells nothing.
ValueHints HintsOf(std::string_view chunk);
// Fills all of `values`, whose size is the count kept beside the chunk.
absl::Status DecodeValues(std::string_view src, std::span<double> values,
                          const ColumnKernels& kernels = Kernels());

void EncodeTimestamps(std::span<const int64_t> timestamps_ms, std::string& out,
                      const ColumnKernels& kernels = Kernels());
absl::Status DecodeTimestamps(std::string_view src,
                              std::span<int64_t> timestamps_ms,
                              const ColumnKernels& kernels = Kernels());
// The first and last timestamp, without decoding the column.
absl::Status DecodeTimestampBounds(std::string_view src, int64_t& first_ms,
                                   int64_t& last_ms);

}  // namespace varve::encoding

#endif  // VARVE_LIB_ENCODING_SAMPLE_CHUNK_H_
