// Data points of OTLP in protobuf, of every kind, with their exemplars.
//
// Errors:  InvalidArgument for broken framing and what is over a limit of
//          otlp_data.h.
// Threads: a reader belongs to one thread.
// Source:  opentelemetry-proto, metrics.proto v1.
#ifndef VARVE_LIB_PROTOCOL_OTLP_PROTOBUF_POINTS_H_
#define VARVE_LIB_PROTOCOL_OTLP_PROTOBUF_POINTS_H_

#include <string_view>

#include "absl/status/status.h"
#include "lib/protocol/otlp_data.h"
#include "lib/protocol/otlp_protobuf_attributes.h"

namespace varve::protocol {

class OtlpPointReader {
 public:
  // Replaces `point` by the message, of a metric of this kind.
  absl::Status Read(OtlpKind kind, std::string_view message, OtlpPoint& point);

 private:
  absl::Status NumberPoint(std::string_view message, OtlpPoint& point);
  absl::Status HistogramPoint(std::string_view message, OtlpPoint& point);
  absl::Status ExponentialPoint(std::string_view message, OtlpPoint& point);
  absl::Status SummaryPoint(std::string_view message, OtlpPoint& point);
  static absl::Status Buckets(std::string_view message, OtlpBuckets& buckets);
  static absl::Status Quantile(std::string_view message, OtlpPoint& point);
  absl::Status Exemplar(std::string_view message, OtlpPoint& point);

  OtlpAttributeReader attributes_;  // of the point and its exemplars
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_OTLP_PROTOBUF_POINTS_H_
