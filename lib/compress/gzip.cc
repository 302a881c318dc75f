#include <zlib.h>

#include <algorithm>
#include <memory>

#include "lib/base/status.h"
#include "lib/compress/compress.h"
#include "lib/compress/measured.h"
#include "lib/compress/windows.h"

namespace varve::compress {
namespace {

constexpr int kGzipHeader = 15 + 16;  // zlib.h, windowBits

// Input is given to zlib in pieces that fit its uInt.
constexpr size_t kPieceBytesMax = size_t{1} << 30;

// One per thread: 40 KiB that need not be set up for each body.
z_stream* ThreadInflater() {
  struct Inflater {
    Inflater() { ok = inflateInit2(&stream, kEitherHeader) == Z_OK; }
    ~Inflater() { inflateEnd(&stream); }
    z_stream stream = {};
    bool ok;
  };
  thread_local Inflater inflater;
  if (!inflater.ok) return nullptr;
  return inflateReset2(&inflater.stream, kEitherHeader) == Z_OK
             ? &inflater.stream
             : nullptr;
}

// Inflates the member of `body` that begins `at`, and moves that behind it.
// `made` bytes of `out` hold the members before it, the rest is room: kept from
// one to the next, as making it costs more than a small member.
absl::Status InflateMember(z_stream& stream, std::string_view body, size_t& at,
                           const OutputBound& bound, size_t& made,
                           std::string& out) {
  int result = Z_OK;
  while (result != Z_STREAM_END) {
    if (made == out.size()) RETURN_IF_ERROR(bound.Grow(made, at, out));
    const size_t piece = std::min(body.size() - at, kPieceBytesMax);
    const size_t room = std::min(out.size() - made, kPieceBytesMax);
    stream.next_in =
        reinterpret_cast<Bytef*>(const_cast<char*>(body.data() + at));
    stream.avail_in = static_cast<uInt>(piece);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + made);
    stream.avail_out = static_cast<uInt>(room);
    result = inflate(&stream, Z_NO_FLUSH);
    at += piece - stream.avail_in;
    made += room - stream.avail_out;
    if (result == Z_MEM_ERROR) {
      return base::ResourceExhausted("gzip: no memory");
    }
    const bool starved = result == Z_BUF_ERROR && stream.avail_out > 0;
    if (starved || (result != Z_OK && result != Z_STREAM_END &&
                    result != Z_BUF_ERROR)) {
      return base::InvalidArgument(
          "gzip: ", at == body.size() ? "cut data" : "damaged data", " after ",
          made, " decompressed bytes");
    }
  }
  return made > bound.bytes_max() ? bound.TooMuch() : absl::OkStatus();
}

absl::Status Inflate(std::string_view src, const OutputBound& bound,
                     std::string& out) {
  out.clear();
  size_t at = 0;
  size_t made = 0;
  // A gzip file may have several members one after the other (RFC 1952, 2.2).
  do {
    z_stream* const stream = ThreadInflater();
    if (stream == nullptr) return base::ResourceExhausted("gzip: no memory");
    RETURN_IF_ERROR(InflateMember(*stream, src, at, bound, made, out));
  } while (at < src.size());
  out.resize(made);
  return absl::OkStatus();
}

// How many bytes there are, up to `bytes_max` and a few more; fewer when the
// data is damaged, which Inflate says.
size_t Measure(std::string_view src, size_t bytes_max) {
  size_t made = 0;
  char piece_out[kMeasureBytes];
  while (!src.empty() && made <= bytes_max) {
    z_stream* const stream = ThreadInflater();
    if (stream == nullptr) return made;
    for (int result = Z_OK; result != Z_STREAM_END && made <= bytes_max;) {
      const size_t piece = std::min(src.size(), kPieceBytesMax);
      stream->next_in =
          reinterpret_cast<Bytef*>(const_cast<char*>(src.data()));
      stream->avail_in = static_cast<uInt>(piece);
      stream->next_out = reinterpret_cast<Bytef*>(piece_out);
      stream->avail_out = sizeof(piece_out);
      result = inflate(stream, Z_NO_FLUSH);
      src.remove_prefix(piece - stream->avail_in);
      const size_t got = sizeof(piece_out) - stream->avail_out;
      made += got;
      if (result != Z_STREAM_END && (result != Z_OK || got == 0)) return made;
    }
  }
  return made;
}

}  // namespace

absl::Status GzipDecompress(std::string_view src, size_t bytes_max,
                            std::string& out) {
  return DecompressMeasured(
      "gzip", bytes_max, out,
      [&](const OutputBound& bound) { return Inflate(src, bound, out); },
      [src](size_t up_to) { return Measure(src, up_to); });
}

void GzipCompress(std::string_view src, int level, std::string& out) {
  z_stream stream = {};
  // Fails only without memory, where std::string throws as well.
  if (deflateInit2(&stream, level, Z_DEFLATED, kGzipHeader, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  out.resize(deflateBound(&stream, src.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(src.data()));
  stream.avail_in = static_cast<uInt>(src.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
}

}  // namespace varve::compress
