// The labels behind the identity of a batch's series.
//
// Errors:  InvalidArgument for broken framing, DataLoss for identities that are
//          not canonical though the batch says so.
// Threads: a free function without state.
#ifndef VARVE_LIB_PROTOCOL_SERIES_LABELS_H_
#define VARVE_LIB_PROTOCOL_SERIES_LABELS_H_

#include <vector>

#include "absl/status/status.h"
#include "lib/model/label.h"
#include "lib/protocol/sample_batch.h"

namespace varve::protocol {

// In the order in which they came, repeated and empty ones included. Replaces
// `labels`. REQUIRES: `series` is of `batch`.
absl::Status ReadSeriesLabels(const SampleBatch& batch,
                              const BatchSeries& series,
                              std::vector<model::Label>& labels);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_SERIES_LABELS_H_
