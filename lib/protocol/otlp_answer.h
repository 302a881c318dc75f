// What OTLP clients are answered, in the encoding they sent.
//
// Threads: free functions without state.
// Source:  "OTLP Specification", OTLP/HTTP Response and Failures.
#ifndef VARVE_LIB_PROTOCOL_OTLP_ANSWER_H_
#define VARVE_LIB_PROTOCOL_OTLP_ANSWER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace varve::protocol {

enum class OtlpEncoding : uint8_t { kProtobuf, kJson };

// By the Content-Type; protobuf without one. Unimplemented for others.
absl::StatusOr<OtlpEncoding> OtlpEncodingOf(std::string_view content_type);

std::string_view OtlpContentType(OtlpEncoding encoding);

// An ExportMetricsServiceResponse; partial when `rejected` or `error` say so.
std::string OtlpResponse(OtlpEncoding encoding, int64_t rejected,
                         std::string_view error);

// A google.rpc.Status.
std::string OtlpStatus(OtlpEncoding encoding, const absl::Status& status);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_OTLP_ANSWER_H_
