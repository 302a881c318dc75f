// OTLP metrics in JSON: the messages of otlp_protobuf.h, names in lowerCamelCase,
// 64-bit integers as numbers or strings, enums as numbers or names, bytes as
// base64, trace and span ids as hex digits. Unknown fields are passed over.
//
// Errors:  InvalidArgument for broken JSON, a field of another type, what is
//          over a limit of otlp_data.h, and the mapper's.
// Memory:  at most some 10 times the body, for the time of the call.
// Threads: free function without state.
// Source:  "OTLP Specification", JSON Protobuf Encoding.
#ifndef VARVE_LIB_PROTOCOL_OTLP_JSON_H_
#define VARVE_LIB_PROTOCOL_OTLP_JSON_H_

#include <string_view>

#include "absl/status/status.h"
#include "lib/protocol/otlp_mapper.h"

namespace varve::protocol {

// Hands all of `body` to `mapper`, up to Finish.
absl::Status ReadOtlpJson(std::string_view body, OtlpMapper& mapper);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_OTLP_JSON_H_
