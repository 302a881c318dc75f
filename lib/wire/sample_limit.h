// The limit of a query's samples of one series, which is held where the series
// are put together: on the select node, or by a storage node that aggregates.
//
// Threads: free functions without state.
#ifndef VARVE_LIB_WIRE_SAMPLE_LIMIT_H_
#define VARVE_LIB_WIRE_SAMPLE_LIMIT_H_

#include <cstdint>

#include "absl/status/status.h"
#include "lib/model/label.h"

namespace varve::wire {

// ResourceExhausted, in the same words everywhere, when `samples` is above
// `max`; 0: no limit.
absl::Status CheckSeriesSamples(const model::LabelSet& labels, int64_t samples,
                                int64_t max);

}  // namespace varve::wire

#endif  // VARVE_LIB_WIRE_SAMPLE_LIMIT_H_
