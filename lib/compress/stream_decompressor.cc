#include "lib/compress/stream_decompressor.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>

#include "lib/base/status.h"
#include "lib/compress/windows.h"

namespace varve::compress {
namespace {

constexpr size_t kPieceBytesMax = size_t{1} << 30;  // fits zlib's uInt

}  // namespace

struct StreamDecompressor::State {
  explicit State(Format of) : format(of) {
    if (format == Format::kGzip) {
      good = inflateInit2(&gzip, kEitherHeader) == Z_OK;
    } else {
      zstd = ZSTD_createDStream();
      good = zstd != nullptr &&
             !ZSTD_isError(ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax,
                                                  kZstdWindowLogMax));
    }
  }
  ~State() {
    if (format == Format::kGzip) inflateEnd(&gzip);
    ZSTD_freeDStream(zstd);
  }

  const Format format;
  bool good = false;    // there is memory
  bool whole = false;   // a member or frame has ended, none has begun
  size_t made = 0;      // bytes, in all
  z_stream gzip = {};
  ZSTD_DStream* zstd = nullptr;
};

StreamDecompressor::StreamDecompressor(Format format)
    : state_(std::make_unique<State>(format)) {}
StreamDecompressor::~StreamDecompressor() = default;

absl::Status StreamDecompressor::Add(std::string_view& src, size_t bytes_max,
                                     std::string& out) {
  if (!state_->good) return base::ResourceExhausted("no memory to unpack");
  bytes_max = std::min(bytes_max, kPieceBytesMax);
  const size_t before = out.size();
  out.resize(before + bytes_max);
  char* const to = out.data() + before;
  size_t room = bytes_max;
  const absl::Status status = state_->format == Format::kGzip
                                  ? AddGzip(src, to, room)
                                  : AddZstd(src, to, room);
  const size_t made = bytes_max - room;
  out.resize(before + made);
  state_->made += made;
  return status;
}

absl::Status StreamDecompressor::AddGzip(std::string_view& src, char* to,
                                         size_t& room) {
  z_stream& stream = state_->gzip;
  const size_t all = room;
  while (room > 0) {
    if (state_->whole) {
      if (src.empty()) break;
      inflateReset2(&stream, kEitherHeader);  // fails only for bad arguments
      state_->whole = false;
    }
    const size_t piece = std::min(src.size(), kPieceBytesMax);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(src.data()));
    stream.avail_in = static_cast<uInt>(piece);
    stream.next_out = reinterpret_cast<Bytef*>(to + (all - room));
    stream.avail_out = static_cast<uInt>(room);
    const int result = inflate(&stream, Z_NO_FLUSH);
    src.remove_prefix(piece - stream.avail_in);
    room = stream.avail_out;
    if (result == Z_MEM_ERROR) {
      return base::ResourceExhausted("gzip: no memory");
    }
    state_->whole = result == Z_STREAM_END;
    if (result == Z_BUF_ERROR) break;  // no input, or no room
    if (result != Z_OK && result != Z_STREAM_END) {
      return base::InvalidArgument("gzip: damaged data after ",
                                   state_->made + all - room,
                                   " decompressed bytes");
    }
  }
  return absl::OkStatus();
}

absl::Status StreamDecompressor::AddZstd(std::string_view& src, char* to,
                                         size_t& room) {
  ZSTD_outBuffer out = {to, room, 0};
  ZSTD_inBuffer in = {src.data(), src.size(), 0};
  while (out.pos < out.size) {
    if (state_->whole && in.pos == in.size) break;
    const size_t read = in.pos;
    const size_t made = out.pos;
    const size_t result = ZSTD_decompressStream(state_->zstd, &out, &in);
    if (ZSTD_isError(result)) {
      return base::InvalidArgument("zstd: ", ZSTD_getErrorName(result),
                                   " after ", state_->made + out.pos,
                                   " decompressed bytes");
    }
    state_->whole = result == 0;
    if (in.pos == read && out.pos == made) break;
  }
  src.remove_prefix(in.pos);
  room -= out.pos;
  return absl::OkStatus();
}

absl::Status StreamDecompressor::Finish() const {
  if (state_->whole) return absl::OkStatus();
  return base::InvalidArgument(
      state_->format == Format::kGzip ? "gzip" : "zstd", ": cut data after ",
      state_->made, " decompressed bytes");
}

}  // namespace varve::compress
