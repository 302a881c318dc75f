#include <snappy.h>

#include "lib/base/status.h"
#include "lib/compress/compress.h"

namespace varve::compress {
namespace {

// A snappy element of 3 bytes makes at most 64: a claim above that ratio is a
// lie, and is refused before anything is reserved for it.
constexpr size_t kRatioMax = 64;

}  // namespace

absl::Status SnappyDecompress(std::string_view src, size_t bytes_max,
                              std::string& out) {
  size_t size = 0;
  if (!snappy::GetUncompressedLength(src.data(), src.size(), &size)) {
    return base::InvalidArgument("snappy: no length in ", src.size(),
                                 " bytes");
  }
  if (size > bytes_max) {
    return base::ResourceExhausted("snappy: ", size,
                                   " bytes when decompressed, above ",
                                   bytes_max);
  }
  if (size / kRatioMax > src.size()) {
    return base::InvalidArgument("snappy: ", src.size(),
                                 " bytes cannot hold the claimed ", size);
  }
  // What `out` held stays until it is written over: a buffer that is used
  // again is not zeroed again.
  out.resize(size);
  if (!snappy::RawUncompress(src.data(), src.size(), out.data())) {
    out.clear();
    return base::InvalidArgument("snappy: damaged data of ", src.size(),
                                 " bytes");
  }
  return absl::OkStatus();
}

void SnappyCompress(std::string_view src, std::string& out) {
  out.resize(snappy::MaxCompressedLength(src.size()));
  size_t size = 0;
  snappy::RawCompress(src.data(), src.size(), out.data(), &size);
  out.resize(size);
}

}  // namespace varve::compress
