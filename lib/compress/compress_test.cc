#include "lib/compress/compress.h"

#include <zstd.h>

#include <catch2/catch.hpp>

#include <functional>
#include <random>
#include <vector>

#include "lib/base/status.h"

namespace varve::compress {
namespace {

constexpr size_t kMax = 1 << 20;

struct Codec {
  std::string name;
  std::function<void(std::string_view, std::string&)> compress;
  std::function<absl::Status(std::string_view, size_t, std::string&)>
      decompress;
};

const std::vector<Codec>& Codecs() {
  static const std::vector<Codec> codecs = {
      {"snappy", SnappyCompress, SnappyDecompress},
      {"zstd",
       [](std::string_view src, std::string& out) {
         ZstdCompress(src, 1, out);
       },
       ZstdDecompress},
      {"gzip",
       [](std::string_view src, std::string& out) {
         GzipCompress(src, 6, out);
       },
       GzipDecompress},
  };
  return codecs;
}

std::vector<std::string> Texts() {
  std::vector<std::string> texts = {"", "a", std::string(kMax, '\0')};
  std::mt19937_64 random(1);
  std::string noise(200'000, '\0');
  for (char& byte : noise) byte = static_cast<char>(random());
  texts.push_back(noise);
  std::string mixed;
  while (mixed.size() < 300'000) {
    mixed.append(noise, random() % 1000, random() % 50);
  }
  texts.push_back(mixed);
  return texts;
}

TEST_CASE("what was compressed comes back", "[compress]") {
  for (const Codec& codec : Codecs()) {
    CAPTURE(codec.name);
    for (const std::string& text : Texts()) {
      std::string packed = "old";
      std::string unpacked = "old";
      codec.compress(text, packed);
      CHECK(codec.decompress(packed, text.size(), unpacked).ok());
      CHECK(unpacked == text);
    }
  }
}

TEST_CASE("output above the limit is ResourceExhausted", "[compress]") {
  for (const Codec& codec : Codecs()) {
    CAPTURE(codec.name);
    std::string packed;
    std::string out;
    codec.compress(std::string(kMax, 'x'), packed);
    for (const size_t bytes_max : {kMax - 1, size_t{1000}, size_t{0}}) {
      CHECK(absl::IsResourceExhausted(
          codec.decompress(packed, bytes_max, out)));
      CHECK(out.empty());
    }
  }
}

TEST_CASE("a bomb is refused without its memory", "[compress]") {
  // 256 MiB of zeros in a few hundred kilobytes or less.
  const std::string zeros(256 << 20, '\0');
  for (const Codec& codec : Codecs()) {
    CAPTURE(codec.name);
    std::string packed;
    codec.compress(zeros, packed);
    std::string out;
    CHECK(absl::IsResourceExhausted(codec.decompress(packed, kMax, out)));
    CHECK(out.capacity() <= 2 * kMax);
  }
}

TEST_CASE("data cut at any byte is InvalidArgument", "[compress]") {
  const std::string text = "some text, some text, some more text of it";
  for (const Codec& codec : Codecs()) {
    CAPTURE(codec.name);
    std::string packed;
    codec.compress(text, packed);
    for (size_t keep = 0; keep < packed.size(); ++keep) {
      CAPTURE(keep);
      std::string out;
      CHECK(absl::IsInvalidArgument(
          codec.decompress(packed.substr(0, keep), kMax, out)));
      CHECK(out.empty());
    }
  }
}

TEST_CASE("flipped bits never pass the limit", "[compress]") {
  for (const Codec& codec : Codecs()) {
    CAPTURE(codec.name);
    std::string packed;
    codec.compress(Texts().back().substr(0, 300), packed);
    for (size_t bit = 0; bit < packed.size() * 8; ++bit) {
      std::string flipped = packed;
      flipped[bit / 8] ^= static_cast<char>(1 << bit % 8);
      std::string out;
      const absl::Status status = codec.decompress(flipped, 1000, out);
      CHECK((status.ok() ? out.size() <= 1000 : out.empty()));
    }
  }
}

TEST_CASE("a claimed size reserves nothing", "[compress]") {
  std::string out;
  // A varint of 2^32-1 and nothing behind it.
  const std::string snappy("\xff\xff\xff\xff\x0f", 5);
  CHECK(absl::IsInvalidArgument(
      SnappyDecompress(snappy, size_t{1} << 40, out)));
  CHECK(out.capacity() < 1000);
  CHECK(absl::IsInvalidArgument(Lz4Decompress("abc", 1 << 30, out)));
  CHECK(absl::IsResourceExhausted(
      Lz4Decompress("abc", size_t{1} << 40, out)));
  CHECK(out.capacity() < 1000);
}

// A zstd frame that does not claim a size.
std::string SizelessFrame(std::string_view text, int window_log) {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  ZSTD_inBuffer in = {text.data(), text.size(), 0};
  ZSTD_outBuffer to = {packed.data(), packed.size(), 0};
  ZSTD_compressStream2(context, &to, &in, ZSTD_e_continue);
  ZSTD_compressStream2(context, &to, &in, ZSTD_e_end);
  ZSTD_freeCCtx(context);
  packed.resize(to.pos);
  return packed;
}

TEST_CASE("a zstd window above 8 MiB is refused", "[compress]") {
  std::string out;
  const std::string packed = SizelessFrame(std::string(100, 'a'), 27);
  CHECK(absl::IsInvalidArgument(ZstdDecompress(packed, kMax, out)));
}

TEST_CASE("a zstd frame without its size may end where the room does",
          "[compress]") {
  constexpr size_t kFirst = (64 << 10) + 1;  // of what packs so well
  for (const size_t size :
       {size_t{0}, kFirst - 1, kFirst, kFirst + 1, 2 * kFirst, 4 * kFirst}) {
    CAPTURE(size);
    const std::string text(size, 'a');
    const std::string packed = SizelessFrame(text, 20);
    std::string out;
    CHECK(ZstdDecompress(packed, kMax, out).ok());
    CHECK(out == text);
    CHECK(ZstdDecompress(packed, size, out).ok());
    CHECK(ZstdDecompress(packed + packed, kMax, out).ok());
    CHECK(out == text + text);
    const std::string cut = packed.substr(0, packed.size() - 1);
    CHECK(absl::IsInvalidArgument(ZstdDecompress(cut, kMax, out)));
  }
}

TEST_CASE("several gzip members and zstd frames are one text", "[compress]") {
  std::string one;
  std::string two;
  std::string out;
  GzipCompress("abc", 6, one);
  GzipCompress("def", 6, two);
  CHECK(GzipDecompress(one + two, kMax, out).ok());
  CHECK(out == "abcdef");
  CHECK(absl::IsResourceExhausted(GzipDecompress(one + two, 5, out)));
  CHECK(absl::IsInvalidArgument(GzipDecompress(one + "junk", kMax, out)));
  ZstdCompress("abc", 1, one);
  ZstdCompress("def", 1, two);
  CHECK(ZstdDecompress(one + two, kMax, out).ok());
  CHECK(out == "abcdef");
  CHECK(absl::IsInvalidArgument(ZstdDecompress(one + "junk", kMax, out)));
}

TEST_CASE("a gzip text may end in very many empty members", "[compress]") {
  const std::string text(2 << 20, 'x');
  std::string body;
  std::string empty;
  std::string out;
  GzipCompress(text, 6, body);
  GzipCompress("", 6, empty);
  for (int i = 0; i < 100'000; ++i) body += empty;
  // Minutes if each took room of its own.
  CHECK(GzipDecompress(body, 4 << 20, out).ok());
  CHECK(out == text);
}

TEST_CASE("zlib streams are read as well as gzip", "[compress]") {
  // RFC 1950: "hello" by Python's zlib.compress.
  const std::string zlib("\x78\x9c\xcb\x48\xcd\xc9\xc9\x07\x00\x06\x2c\x02\x15",
                         13);
  std::string out;
  CHECK(GzipDecompress(zlib, kMax, out).ok());
  CHECK(out == "hello");
}

TEST_CASE("lz4 blocks come back, damaged ones do not", "[compress]") {
  for (const std::string& text : Texts()) {
    std::string packed;
    std::string out;
    Lz4Compress(text, packed);
    CHECK(Lz4Decompress(packed, text.size(), out).ok());
    CHECK(out == text);
    CHECK(absl::IsInvalidArgument(
        Lz4Decompress(packed, text.size() + 1, out)));
    if (text.empty()) continue;
    CHECK(absl::IsInvalidArgument(
        Lz4Decompress(packed, text.size() - 1, out)));
    CHECK(absl::IsInvalidArgument(
        Lz4Decompress(packed.substr(0, packed.size() - 1), text.size(), out)));
  }
}

TEST_CASE("a stream made in pieces is one stream", "[compress]") {
  using Format = StreamCompressor::Format;
  for (const Format format : {Format::kGzip, Format::kZstd}) {
    std::string text;
    std::string packed;
    StreamCompressor compressor(format);
    for (const std::string& piece : Texts()) {
      compressor.Add(piece, packed);
      text.append(piece);
      if (piece.size() == 1) compressor.Flush(packed);
    }
    compressor.Finish(packed);
    std::string out;
    CHECK((format == Format::kGzip
               ? GzipDecompress(packed, text.size(), out)
               : ZstdDecompress(packed, text.size(), out))
              .ok());
    CHECK(out == text);
  }
}

TEST_CASE("a bomb is refused before it takes memory", "[compress]") {
  const std::string zeros(24 << 20, 'x');
  std::string packed, out;
  GzipCompress(zeros, 6, packed);
  CHECK(absl::IsResourceExhausted(GzipDecompress(packed, 16 << 20, out)));
  CHECK(out.capacity() < 9 << 20);
  REQUIRE(GzipDecompress(packed, 24 << 20, out).ok());
  CHECK(out == zeros);
  CHECK(GzipDecompress(packed.substr(0, packed.size() - 9), 24 << 20, out)
            .code() == absl::StatusCode::kInvalidArgument);
  const std::string twice = packed + packed;  // two members
  std::string both;
  REQUIRE(GzipDecompress(twice, 48 << 20, both).ok());
  CHECK(both.size() == 48 << 20);
  CHECK(absl::IsResourceExhausted(
      GzipDecompress(twice, (48 << 20) - 1, both)));

  std::string fresh;
  ZstdCompress(zeros, 1, packed);
  CHECK(absl::IsResourceExhausted(ZstdDecompress(packed, 16 << 20, fresh)));
  CHECK(fresh.capacity() < 9 << 20);
  REQUIRE(ZstdDecompress(packed, 24 << 20, fresh).ok());
  CHECK(fresh == zeros);
  CHECK(ZstdDecompress(packed.substr(0, packed.size() - 2), 24 << 20, fresh)
            .code() == absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace varve::compress
