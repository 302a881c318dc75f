// A request's body piece by piece, after its Content-Encoding: gzip, deflate,
// zstd; snappy, in its block format, is unpacked whole (identity and none: as
// it is). For routes whose bodies are streamed.
//
// Errors:  InvalidArgument for damage, unknown encodings, and, over the limit,
//          snappy and what unpacks more than kUnpackedFoldMax-fold; those of
//          BodyStream. After an error it is of no use.
// Threads: belongs to the handler's.
#ifndef VARVE_NET_HTTP_BODY_READER_H_
#define VARVE_NET_HTTP_BODY_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "lib/compress/stream_decompressor.h"
#include "net/http/server.h"

namespace varve::http {

// Texts of import unpack 10- to 50-fold; bombs by gzip up to 1032-fold.
inline constexpr int64_t kUnpackedFoldMax = 100;

class BodyReader {
 public:
  // `request` outlives it. `bytes_max`, by the flag `limit_flag`, holds for
  // what cannot be streamed and for bombs.
  BodyReader(const Request& request, int64_t bytes_max,
             std::string_view limit_flag);

  // Appends up to `bytes_max` bytes to `out`; none at the end of the body.
  absl::Status Read(size_t bytes_max, std::string& out);

 private:
  absl::Status Start();
  absl::Status UnpackSnappy();
  // Appends, by the decompressor.
  absl::Status Unpack(size_t bytes_max, std::string& out);
  // The next bytes as received into src_; none at the end.
  absl::Status NextPiece();

  const Request& request_;
  const int64_t bytes_max_;
  const std::string limit_flag_;
  bool started_ = false;
  bool ended_ = false;  // src_ holds the last bytes
  std::unique_ptr<compress::StreamDecompressor> decompressor_;
  int64_t received_ = 0;
  int64_t unpacked_ = 0;
  std::string piece_;
  std::string_view src_;  // of the request or of piece_; not yet given out
};

}  // namespace varve::http

#endif  // VARVE_NET_HTTP_BODY_READER_H_
