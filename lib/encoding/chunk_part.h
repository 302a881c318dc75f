// A part of a run's columns: what lies in a query's range.
//
// In:      the columns of sample_chunk.h and how many samples they have.
// Out:     the part; what is before it is unpacked, but not made floats.
// Errors:  DataLoss as in sample_chunk.h, but not for what lies behind the
//          part: the bytes are to be checked by a checksum.
// Threads: free functions without state.
#ifndef VARVE_LIB_ENCODING_CHUNK_PART_H_
#define VARVE_LIB_ENCODING_CHUNK_PART_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "lib/encoding/column_kernels.h"

namespace varve::encoding {

// Appends the timestamps from `start_ms` to `end_ms`, both included; `begin`
// is the index in the run of the first of them.
absl::Status AppendTimestampsInside(std::string_view src, size_t samples,
                                    int64_t start_ms, int64_t end_ms,
                                    std::vector<int64_t>& timestamps_ms,
                                    size_t& begin);

// Fills `values` with those from the index `begin` on.
// REQUIRES: begin + values.size() <= samples.
absl::Status DecodeValuesPart(std::string_view src, size_t samples,
                              size_t begin, std::span<double> values,
                              const ColumnKernels& kernels = Kernels());

}  // namespace varve::encoding

#endif  // VARVE_LIB_ENCODING_CHUNK_PART_H_
