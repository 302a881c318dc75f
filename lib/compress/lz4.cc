#include <lz4.h>

#include "lib/base/status.h"
#include "lib/compress/compress.h"

namespace varve::compress {
namespace {

// An LZ4 block cannot make more than 255 bytes of one.
constexpr size_t kRatioMax = 255;

}  // namespace

void Lz4Compress(std::string_view src, std::string& out) {
  out.resize(LZ4_COMPRESSBOUND(src.size()));
  const int size = LZ4_compress_default(src.data(), out.data(),
                                        static_cast<int>(src.size()),
                                        static_cast<int>(out.size()));
  out.resize(static_cast<size_t>(size));
}

absl::Status Lz4Decompress(std::string_view src, size_t size,
                           std::string& out) {
  out.clear();
  if (size > LZ4_MAX_INPUT_SIZE || src.size() > LZ4_MAX_INPUT_SIZE) {
    return base::ResourceExhausted("lz4: ", size, " bytes claimed, above ",
                                   LZ4_MAX_INPUT_SIZE);
  }
  if (size / kRatioMax > src.size()) {
    return base::InvalidArgument("lz4: ", src.size(),
                                 " bytes cannot hold the claimed ", size);
  }
  out.resize(size);
  const int made =
      LZ4_decompress_safe(src.data(), out.data(), static_cast<int>(src.size()),
                          static_cast<int>(size));
  if (made < 0 || static_cast<size_t>(made) != size) {
    out.clear();
    return base::InvalidArgument("lz4: damaged data of ", src.size(),
                                 " bytes, ", size, " claimed");
  }
  return absl::OkStatus();
}

}  // namespace varve::compress
