// The one owner of snappy, zstd, gzip (zlib) and lz4.
//
// Out:     decompressors never produce more than `bytes_max` bytes and never
//          reserve by a size the input merely claims.
// Errors:  InvalidArgument for damaged or cut input; ResourceExhausted when
//          the output would pass `bytes_max`.
// Threads: free functions; contexts are per thread.
#ifndef VARVE_LIB_COMPRESS_COMPRESS_H_
#define VARVE_LIB_COMPRESS_COMPRESS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace varve::compress {

// Snappy's block format, as remote write uses it.
absl::Status SnappyDecompress(std::string_view src, size_t bytes_max,
                              std::string& out);
void SnappyCompress(std::string_view src, std::string& out);

absl::Status ZstdDecompress(std::string_view src, size_t bytes_max,
                            std::string& out);
void ZstdCompress(std::string_view src, int level, std::string& out);

// gzip and zlib streams, told apart by their headers.
absl::Status GzipDecompress(std::string_view src, size_t bytes_max,
                            std::string& out);
void GzipCompress(std::string_view src, int level, std::string& out);

// LZ4 block; the size is kept beside it by the caller.
void Lz4Compress(std::string_view src, std::string& out);
absl::Status Lz4Decompress(std::string_view src, size_t size, std::string& out);

// A gzip or zstd stream made piece by piece, for chunked answers.
class StreamCompressor {
 public:
  enum class Format : uint8_t { kGzip, kZstd };
  explicit StreamCompressor(Format format);
  ~StreamCompressor();
  // Appends to `out` what the codec has ready.
  void Add(std::string_view src, std::string& out);
  void Flush(std::string& out);
  void Finish(std::string& out);

 private:
  struct State;
  State* state_;
};

}  // namespace varve::compress

#endif  // VARVE_LIB_COMPRESS_COMPRESS_H_
