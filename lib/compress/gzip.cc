#include <zlib.h>

#include <algorithm>
#include <memory>

#include "lib/base/status.h"
#include "lib/compress/compress.h"

namespace varve::compress {
namespace {

constexpr size_t kGrowBytes = 64 * 1024;
constexpr int kWindowBits = 15;
constexpr int kEitherHeader = kWindowBits + 32;  // zlib.h: automatic detection
constexpr int kGzipHeader = kWindowBits + 16;

// Input is given to zlib in pieces that fit its uInt.
constexpr size_t kPieceBytesMax = size_t{1} << 30;

// What is larger once decompressed is measured first, so that a bomb costs no
// memory; bodies of agents are below.
constexpr size_t kUnmeasuredBytes = 4 << 20;

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

// Inflates one member of `src` behind what `out` holds and takes it off.
absl::Status InflateMember(z_stream& stream, std::string_view& src,
                           size_t bytes_max, std::string& out) {
  size_t made = out.size();
  int result = Z_OK;
  while (result != Z_STREAM_END) {
    if (made == out.size()) {
      // One byte more than allowed shows whether there is more.
      if (made > bytes_max) {
        return base::ResourceExhausted("gzip: more than ", bytes_max,
                                       " bytes when decompressed");
      }
      out.resize(std::min(made + std::max(made, kGrowBytes), bytes_max + 1));
    }
    const size_t piece = std::min(src.size(), kPieceBytesMax);
    const size_t room = std::min(out.size() - made, kPieceBytesMax);
    stream.next_in =
        reinterpret_cast<Bytef*>(const_cast<char*>(src.data()));
    stream.avail_in = static_cast<uInt>(piece);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + made);
    stream.avail_out = static_cast<uInt>(room);
    result = inflate(&stream, Z_NO_FLUSH);
    src.remove_prefix(piece - stream.avail_in);
    made += room - stream.avail_out;
    if (result == Z_MEM_ERROR) {
      return base::ResourceExhausted("gzip: no memory");
    }
    const bool starved = result == Z_BUF_ERROR && stream.avail_out > 0;
    if (starved || (result != Z_OK && result != Z_STREAM_END &&
                    result != Z_BUF_ERROR)) {
      return base::InvalidArgument(
          "gzip: ", src.empty() ? "cut data" : "damaged data", " after ", made,
          " decompressed bytes");
    }
  }
  out.resize(made);
  if (made > bytes_max) {
    return base::ResourceExhausted("gzip: more than ", bytes_max,
                                   " bytes when decompressed");
  }
  return absl::OkStatus();
}

absl::Status Inflate(std::string_view src, size_t bytes_max,
                     std::string& out) {
  out.clear();
  absl::Status status;
  // A gzip file may have several members one after the other (RFC 1952, 2.2).
  do {
    z_stream* const stream = ThreadInflater();
    if (stream == nullptr) return base::ResourceExhausted("gzip: no memory");
    status = InflateMember(*stream, src, bytes_max, out);
  } while (status.ok() && !src.empty());
  if (!status.ok()) out.clear();
  return status;
}

// How many bytes there are, up to `bytes_max` and a few more; fewer when the
// data is damaged, which Inflate says.
size_t Measure(std::string_view src, size_t bytes_max) {
  size_t made = 0;
  char piece_out[16 << 10];
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
  const absl::Status status =
      Inflate(src, std::min(bytes_max, kUnmeasuredBytes), out);
  if (!absl::IsResourceExhausted(status) || bytes_max <= kUnmeasuredBytes) {
    return status;
  }
  const size_t bytes = Measure(src, bytes_max);
  if (bytes > bytes_max) {
    return base::ResourceExhausted("gzip: more than ", bytes_max,
                                   " bytes when decompressed");
  }
  out.reserve(bytes + 1);  // grows within it
  return Inflate(src, bytes, out);
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
