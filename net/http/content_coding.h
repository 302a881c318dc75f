// A body's Content-Encoding, and what is wrong with it. For net/http's .cc
// files.
#ifndef VARVE_NET_HTTP_CONTENT_CODING_H_
#define VARVE_NET_HTTP_CONTENT_CODING_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "net/http/server.h"

namespace varve::http {

enum class ContentCoding : uint8_t { kIdentity, kGzip, kZstd, kSnappy };

// kGzip is deflate, too. InvalidArgument for what is not known.
absl::StatusOr<ContentCoding> CodingOf(const Request& request);

// What a decoder of `coding` says as an answer: InvalidArgument, naming the
// limit when that was passed; OK stays.
absl::Status DecodeError(const absl::Status& status, std::string_view coding,
                         int64_t bytes_max, std::string_view limit_flag);

}  // namespace varve::http

#endif  // VARVE_NET_HTTP_CONTENT_CODING_H_
