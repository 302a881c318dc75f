#include "lib/compress/stream_decompressor.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "lib/compress/compress.h"

namespace varve::compress {
namespace {

using Format = StreamDecompressor::Format;

std::string Text() {
  std::string text;
  for (int i = 0; i < 30'000; ++i) text += std::to_string(i * i % 9973) + ",";
  return text;
}

std::string Packed(Format format, std::string_view text) {
  std::string out;
  if (format == Format::kGzip) {
    GzipCompress(text, 6, out);
  } else {
    ZstdCompress(text, 3, out);
  }
  return out;
}

// In pieces of `piece` bytes in, of up to `room` out.
absl::Status Unpack(Format format, std::string_view src, size_t piece,
                    size_t room, std::string& out) {
  StreamDecompressor decompressor(format);
  while (!src.empty()) {
    std::string_view part = src.substr(0, piece);
    src.remove_prefix(part.size());
    for (size_t before = SIZE_MAX; before != out.size();) {
      before = out.size();
      absl::Status status = decompressor.Add(part, room, out);
      if (!status.ok()) return status;
      REQUIRE(out.size() - before <= room);
    }
    REQUIRE(part.empty());
  }
  return decompressor.Finish();
}

TEST_CASE("streams unpack in pieces of any size", "[compress]") {
  const std::string text = Text();
  for (const Format format : {Format::kGzip, Format::kZstd}) {
    // Members and frames follow each other.
    const std::string packed = Packed(format, text) + Packed(format, "") +
                               Packed(format, "more");
    for (const size_t piece : {size_t{7}, size_t{1000}, packed.size()}) {
      for (const size_t room : {size_t{100}, size_t{1} << 20}) {
        CAPTURE(piece, room);
        std::string out;
        REQUIRE(Unpack(format, packed, piece, room, out).ok());
        CHECK(out == text + "more");
      }
    }
  }
}

TEST_CASE("a stream that is cut or damaged is an error", "[compress]") {
  const std::string text = Text();
  for (const Format format : {Format::kGzip, Format::kZstd}) {
    const std::string packed = Packed(format, text);
    for (const size_t keep : {size_t{1}, size_t{5}, packed.size() / 2,
                              packed.size() - 1}) {
      CAPTURE(keep);
      std::string out;
      const absl::Status status = Unpack(
          format, std::string_view(packed).substr(0, keep), 100, 4096, out);
      CHECK(absl::IsInvalidArgument(status));
      CHECK(text.starts_with(out));
    }
    std::string out;
    CHECK_FALSE(Unpack(format, "neither of both", 100, 4096, out).ok());
  }
  // gzip has a checksum.
  std::string damaged = Packed(Format::kGzip, text);
  std::fill(damaged.begin() + 40, damaged.begin() + 80, '\xff');
  std::string out;
  CHECK_FALSE(Unpack(Format::kGzip, damaged, 100, 4096, out).ok());
}

}  // namespace
}  // namespace varve::compress
