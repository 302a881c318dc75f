// A gzip, zlib or zstd stream unpacked piece by piece, for bodies that are
// read as they come.
//
// Errors:  InvalidArgument for damaged or cut input, ResourceExhausted without
//          memory. After an error the object is of no use.
// Threads: belongs to one thread.
#ifndef VARVE_LIB_COMPRESS_STREAM_DECOMPRESSOR_H_
#define VARVE_LIB_COMPRESS_STREAM_DECOMPRESSOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace varve::compress {

class StreamDecompressor {
 public:
  enum class Format : uint8_t { kGzip, kZstd };  // kGzip: zlib streams, too
  explicit StreamDecompressor(Format format);
  ~StreamDecompressor();

  // Takes from the front of `src` and appends up to `bytes_max` bytes to `out`.
  // When it appends none, `src` is empty and more input is needed.
  absl::Status Add(std::string_view& src, size_t bytes_max, std::string& out);

  // The input ends here; members and frames may follow each other.
  absl::Status Finish() const;

 private:
  struct State;
  absl::Status AddGzip(std::string_view& src, char* to, size_t& room);
  absl::Status AddZstd(std::string_view& src, char* to, size_t& room);
  const std::unique_ptr<State> state_;
};

}  // namespace varve::compress

#endif  // VARVE_LIB_COMPRESS_STREAM_DECOMPRESSOR_H_
