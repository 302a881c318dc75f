// The compressed body of a remote write, opened.
//
// Errors:  Unimplemented for an encoding that is unknown; InvalidArgument for a
//          body neither codec can read, and for one of more than `bytes_max`
//          bytes once opened; the text names the size, the limit and its flag.
// Threads: free function without state.
#ifndef VARVE_LIB_PROTOCOL_REMOTE_WRITE_BODY_H_
#define VARVE_LIB_PROTOCOL_REMOTE_WRITE_BODY_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace varve::protocol {

enum class BodyCodec : uint8_t { kSnappy, kZstd, kGzip };

// `content_encoding` zstd or gzip means that codec, snappy or none snappy's
// block format. Senders mix the first two up after an upgrade: what one cannot
// read, the other tries. The answer is the codec that did.
absl::StatusOr<BodyCodec> OpenRemoteWriteBody(std::string_view body,
                                              std::string_view content_encoding,
                                              int64_t bytes_max,
                                              std::string_view limit_flag,
                                              std::string& out);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_REMOTE_WRITE_BODY_H_
