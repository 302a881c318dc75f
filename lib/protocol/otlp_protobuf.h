// OTLP metrics in protobuf: walks the bytes of an
// opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest, whose
// messages proto/otlp_metrics.proto has.
//
// Errors:  InvalidArgument for broken framing, what is over a limit of
//          otlp_data.h, and the mapper's. Reads never leave `body`.
// Threads: free functions without state.
#ifndef VARVE_LIB_PROTOCOL_OTLP_PROTOBUF_H_
#define VARVE_LIB_PROTOCOL_OTLP_PROTOBUF_H_

#include <string_view>

#include "absl/status/status.h"
#include "lib/protocol/otlp_mapper.h"

namespace varve::protocol {

// Hands all of `body` to `mapper`, up to Finish.
absl::Status ReadOtlpProtobuf(std::string_view body, OtlpMapper& mapper);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_OTLP_PROTOBUF_H_
