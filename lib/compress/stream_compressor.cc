#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <new>

#include "lib/compress/compress.h"

namespace varve::compress {
namespace {

// Fast levels: answers are made once and read once.
constexpr int kGzipLevel = 1;
constexpr int kZstdLevel = 1;
constexpr int kGzipHeader = 15 + 16;  // zlib.h: largest window, gzip header
constexpr size_t kStepBytes = 16 * 1024;

// zlib counts in uInt.
constexpr size_t kPieceBytesMax = size_t{1} << 30;

}  // namespace

struct StreamCompressor::State {
  Format format;
  z_stream gzip = {};
  ZSTD_CCtx* zstd = nullptr;

  void RunGzip(std::string_view src, int flush, std::string& out) {
    gzip.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(src.data()));
    gzip.avail_in = static_cast<uInt>(src.size());
    do {
      const size_t before = out.size();
      out.resize(before + kStepBytes);
      gzip.next_out = reinterpret_cast<Bytef*>(out.data() + before);
      gzip.avail_out = kStepBytes;
      deflate(&gzip, flush);
      out.resize(out.size() - gzip.avail_out);
    } while (gzip.avail_out == 0);
  }

  void RunZstd(std::string_view src, ZSTD_EndDirective end, std::string& out) {
    ZSTD_inBuffer in = {src.data(), src.size(), 0};
    size_t left = 0;
    do {
      const size_t before = out.size();
      out.resize(before + kStepBytes);
      ZSTD_outBuffer to = {out.data() + before, kStepBytes, 0};
      left = ZSTD_compressStream2(zstd, &to, &in, end);
      out.resize(before + to.pos);
      if (ZSTD_isError(left)) throw std::bad_alloc();
    } while (in.pos < in.size || (end != ZSTD_e_continue && left > 0));
  }

  void Run(std::string_view src, int gzip_flush, ZSTD_EndDirective zstd_end,
           std::string& out) {
    if (format == Format::kZstd) return RunZstd(src, zstd_end, out);
    while (src.size() > kPieceBytesMax) {
      RunGzip(src.substr(0, kPieceBytesMax), Z_NO_FLUSH, out);
      src.remove_prefix(kPieceBytesMax);
    }
    RunGzip(src, gzip_flush, out);
  }
};

StreamCompressor::StreamCompressor(Format format)
    : state_(new State{.format = format}) {
  bool ok = true;
  if (format == Format::kGzip) {
    ok = deflateInit2(&state_->gzip, kGzipLevel, Z_DEFLATED, kGzipHeader, 8,
                      Z_DEFAULT_STRATEGY) == Z_OK;
  } else {
    state_->zstd = ZSTD_createCCtx();
    ok = state_->zstd != nullptr;
    if (ok) {
      ZSTD_CCtx_setParameter(state_->zstd, ZSTD_c_compressionLevel,
                             kZstdLevel);
    }
  }
  if (!ok) {
    delete state_;
    throw std::bad_alloc();
  }
}

StreamCompressor::~StreamCompressor() {
  if (state_->format == Format::kGzip) deflateEnd(&state_->gzip);
  ZSTD_freeCCtx(state_->zstd);
  delete state_;
}

void StreamCompressor::Add(std::string_view src, std::string& out) {
  state_->Run(src, Z_NO_FLUSH, ZSTD_e_continue, out);
}

void StreamCompressor::Flush(std::string& out) {
  state_->Run({}, Z_SYNC_FLUSH, ZSTD_e_flush, out);
}

void StreamCompressor::Finish(std::string& out) {
  state_->Run({}, Z_FINISH, ZSTD_e_end, out);
}

}  // namespace varve::compress
