#include "lib/protocol/remote_write_body.h"

#include "lib/base/status.h"
#include "lib/compress/compress.h"

namespace varve::protocol {
namespace {

absl::Status Open(BodyCodec codec, std::string_view body, size_t bytes_max,
                  std::string& out) {
  switch (codec) {
    case BodyCodec::kSnappy:
      return compress::SnappyDecompress(body, bytes_max, out);
    case BodyCodec::kZstd:
      return compress::ZstdDecompress(body, bytes_max, out);
    case BodyCodec::kGzip:
      return compress::GzipDecompress(body, bytes_max, out);
  }
  return base::Internal("an unknown codec");
}

}  // namespace

absl::StatusOr<BodyCodec> OpenRemoteWriteBody(std::string_view body,
                                              std::string_view content_encoding,
                                              int64_t bytes_max,
                                              std::string_view limit_flag,
                                              std::string& out) {
  if (!content_encoding.empty() && content_encoding != "snappy" &&
      content_encoding != "zstd" && content_encoding != "gzip") {
    return base::Unimplemented("remote write with Content-Encoding \"",
                               content_encoding.substr(0, 40),
                               "\" is not supported; snappy, zstd, gzip are");
  }
  const BodyCodec named = content_encoding == "zstd"   ? BodyCodec::kZstd
                          : content_encoding == "gzip" ? BodyCodec::kGzip
                                                       : BodyCodec::kSnappy;
  const BodyCodec other =
      named == BodyCodec::kSnappy ? BodyCodec::kZstd : BodyCodec::kSnappy;
  absl::Status first;
  for (const BodyCodec codec : {named, other}) {
    const absl::Status status =
        Open(codec, body, static_cast<size_t>(bytes_max), out);
    if (status.ok()) return codec;
    if (status.code() == absl::StatusCode::kResourceExhausted) {
      return base::InvalidArgument("too big request: the body of ", body.size(),
                                   " bytes has more than ", limit_flag, "=",
                                   bytes_max, " bytes once decompressed");
    }
    if (first.ok()) first = status;
  }
  return base::InvalidArgument("cannot decompress the body of ", body.size(),
                               " bytes with Content-Encoding \"",
                               content_encoding.substr(0, 40),
                               "\": ", base::Message(first));
}

}  // namespace varve::protocol
