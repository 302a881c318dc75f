// Native histograms one after another, each as its step from the one before:
// for streams that grow while they are read.
//
//   step := at:zigzag layout counts      at: difference to the time before
//   layout := 0                          that of the histogram before
//           | 1 size:varint bytes        another (lib/model/histogram.h)
//   counts := reset:u8 sum count zero_count bucket*
//     integer counts: zigzag of the difference to the histogram before, whose
//                     buckets count as 0 when the layout is another
//     float counts and sum: varint of the byte-swapped xor with it
//
// Errors:  DataLoss for missing or impossible bytes; reads never leave them.
// Threads: free functions without state.
#ifndef VARVE_LIB_ENCODING_HISTOGRAM_STREAM_H_
#define VARVE_LIB_ENCODING_HISTOGRAM_STREAM_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "lib/model/histogram.h"

namespace varve::encoding {

// The first step is from a default histogram at time 0.
void AppendHistogramStep(int64_t last_ms, const model::Histogram& last,
                         int64_t at_ms, const model::Histogram& histogram,
                         std::string& out);

// Appends all of a stream to `columns`.
absl::Status ReadHistogramSteps(std::string_view stream,
                                model::HistogramColumns& columns);

}  // namespace varve::encoding

#endif  // VARVE_LIB_ENCODING_HISTOGRAM_STREAM_H_
