// Exponential histograms of OTLP as native histograms.
//
// OTLP's bucket i ends at base^(i+1), a native one at base^i: indexes grow by
// one. Scales above 8 are brought down to it, joining buckets; those below -4
// have no native form. Empty buckets at the ends are left out, gaps of more
// than two begin a new span. A zero threshold of 0 becomes 1e-128, that of
// Prometheus' own clients. A delta has the reset hint of gauges, so that no
// reset is seen between one and the next.
//
// Errors:  InvalidArgument; what model::CheckHistogram refuses is left to it.
// Threads: free function without state.
// Source:  "Metrics Data Model", Exponential Histograms: Prometheus; and
//          prometheus.io/docs/specs/native_histograms.
#ifndef VARVE_LIB_PROTOCOL_OTLP_EXPONENTIAL_H_
#define VARVE_LIB_PROTOCOL_OTLP_EXPONENTIAL_H_

#include "absl/status/statusor.h"
#include "lib/model/histogram.h"
#include "lib/protocol/otlp_data.h"

namespace varve::protocol {

absl::StatusOr<model::Histogram> NativeHistogram(const OtlpPoint& point,
                                                 bool delta);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_OTLP_EXPONENTIAL_H_
