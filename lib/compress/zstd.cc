#include <zstd.h>

#include <algorithm>
#include <memory>

#include "lib/base/status.h"
#include "lib/compress/compress.h"

namespace varve::compress {
namespace {

// Senders of remote write use levels with windows up to 8 MiB; a frame may ask
// for gigabytes, which a decoder must refuse.
constexpr int kWindowLogMax = 23;
constexpr size_t kGrowBytes = 64 * 1024;

// What is larger once decompressed is measured first, so that a bomb costs no
// memory; bodies of agents are below.
constexpr size_t kUnmeasuredBytes = 4 << 20;

struct FreeDctx {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};
struct FreeCctx {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

ZSTD_DCtx* ThreadDecompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeDctx> context = [] {
    std::unique_ptr<ZSTD_DCtx, FreeDctx> made(ZSTD_createDCtx());
    if (made != nullptr) {
      ZSTD_DCtx_setParameter(made.get(), ZSTD_d_windowLogMax, kWindowLogMax);
    }
    return made;
  }();
  if (context != nullptr) {
    ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_only);
  }
  return context.get();
}

ZSTD_CCtx* ThreadCompressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeCctx> context(
      ZSTD_createCCtx());
  return context.get();
}

// Room for the first piece: what the frame claims where that is plausible.
size_t FirstBytes(std::string_view src, size_t bytes_max) {
  constexpr size_t kUsualRatio = 8;
  const size_t guess = std::max(kGrowBytes, src.size() * kUsualRatio);
  const unsigned long long claimed =
      ZSTD_getFrameContentSize(src.data(), src.size());
  const bool known = claimed != ZSTD_CONTENTSIZE_UNKNOWN &&
                     claimed != ZSTD_CONTENTSIZE_ERROR;
  const size_t wanted =
      known ? std::min<unsigned long long>(claimed, guess) : guess;
  return std::min(wanted, bytes_max);
}

absl::Status Decompress(std::string_view src, size_t bytes_max,
                        std::string& out) {
  out.clear();
  ZSTD_DCtx* const context = ThreadDecompressor();
  if (context == nullptr) return base::ResourceExhausted("zstd: no memory");
  if (src.empty()) return base::InvalidArgument("zstd: no data");
  ZSTD_inBuffer in = {src.data(), src.size(), 0};
  // One byte more than allowed shows whether there is more.
  out.resize(FirstBytes(src, bytes_max) + 1);
  size_t made = 0;
  size_t result = 1;  // 0 after a whole frame
  while (true) {
    ZSTD_outBuffer to = {out.data(), out.size(), made};
    const size_t read_before = in.pos;
    result = ZSTD_decompressStream(context, &to, &in);
    if (ZSTD_isError(result)) {
      out.clear();
      return base::InvalidArgument("zstd: ", ZSTD_getErrorName(result),
                                   " after ", to.pos, " decompressed bytes");
    }
    const bool progress = to.pos > made || in.pos > read_before;
    made = to.pos;
    if (made > bytes_max) {
      out.clear();
      return base::ResourceExhausted("zstd: more than ", bytes_max,
                                     " bytes when decompressed");
    }
    if (made == out.size()) {
      out.resize(std::min(made + std::max(made, kGrowBytes), bytes_max + 1));
    } else if (in.pos == in.size || !progress) {
      break;
    }
  }
  if (result != 0) {
    out.clear();
    return base::InvalidArgument("zstd: cut data after ", made,
                                 " decompressed bytes");
  }
  out.resize(made);
  return absl::OkStatus();
}

// How many bytes there are, up to `bytes_max` and a few more; fewer when the
// data is damaged, which Decompress says.
size_t Measure(std::string_view src, size_t bytes_max) {
  ZSTD_DCtx* const context = ThreadDecompressor();
  ZSTD_inBuffer in = {src.data(), src.size(), 0};
  char piece[16 << 10];
  size_t made = 0;
  while (context != nullptr && made <= bytes_max) {
    const size_t read_before = in.pos;
    ZSTD_outBuffer to = {piece, sizeof(piece), 0};
    if (ZSTD_isError(ZSTD_decompressStream(context, &to, &in))) break;
    made += to.pos;
    if (to.pos == 0 && in.pos == read_before) break;
  }
  return made;
}

}  // namespace

absl::Status ZstdDecompress(std::string_view src, size_t bytes_max,
                            std::string& out) {
  const absl::Status status =
      Decompress(src, std::min(bytes_max, kUnmeasuredBytes), out);
  if (!absl::IsResourceExhausted(status) || bytes_max <= kUnmeasuredBytes) {
    return status;
  }
  const size_t bytes = Measure(src, bytes_max);
  if (bytes > bytes_max) {
    return base::ResourceExhausted("zstd: more than ", bytes_max,
                                   " bytes when decompressed");
  }
  out.reserve(bytes + 1);  // grows within it
  return Decompress(src, bytes, out);
}

void ZstdCompress(std::string_view src, int level, std::string& out) {
  out.resize(ZSTD_compressBound(src.size()));
  ZSTD_CCtx* const context = ThreadCompressor();
  if (context == nullptr) throw std::bad_alloc();
  const size_t size = ZSTD_compressCCtx(context, out.data(), out.size(),
                                        src.data(), src.size(), level);
  if (ZSTD_isError(size)) throw std::bad_alloc();  // the only way to fail here
  out.resize(size);
}

}  // namespace varve::compress
