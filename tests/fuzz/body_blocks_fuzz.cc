// Bodies of imports as they come, in pieces and packed: their blocks are of
// whole lines and together the body, and what is no packed body is an error.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/compress/compress.h"
#include "lib/ingest/body_blocks.h"
#include "tests/fuzz/seeds.h"

namespace {

using namespace varve;

constexpr size_t kBodyBytes = 5 << 19;  // some blocks
constexpr int64_t kLineBytesMax = 3 << 19;

class Pieces final : public http::BodyStream {
 public:
  Pieces(std::string_view body, size_t piece_bytes)
      : rest_(body), piece_bytes_(piece_bytes) {}
  absl::Status Read(std::string& piece) override {
    piece = rest_.substr(0, piece_bytes_);
    rest_.remove_prefix(piece.size());
    return absl::OkStatus();
  }

 private:
  std::string_view rest_;
  const size_t piece_bytes_;
};

enum Coding : uint8_t { kPlain, kGzip, kZstd, kSnappy, kCodings };
constexpr const char* kNames[kCodings] = {"", "gzip", "zstd", "snappy"};

std::string Packed(Coding coding, std::string_view plain) {
  std::string out;
  if (coding == kPlain) out = plain;
  if (coding == kGzip) compress::GzipCompress(plain, 1, out);
  if (coding == kZstd) compress::ZstdCompress(plain, 1, out);
  if (coding == kSnappy) compress::SnappyCompress(plain, out);
  return out;
}

// The body of a request in pieces; what its blocks say, one after the other.
absl::Status Read(Coding coding, std::string_view body, size_t piece_bytes,
                  std::string& read) {
  http::Request request;
  request.headers.emplace_back("content-encoding", kNames[coding]);
  request.body = body.substr(0, piece_bytes);
  Pieces rest(body.substr(request.body.size()), piece_bytes);
  request.rest = &rest;
  ingest::BodyBlocks blocks(request, {64 << 20, "limit"}, {0, ""},
                            ingest::LineRecords(kLineBytesMax));
  while (true) {
    const auto block = blocks.Next();
    if (!block.ok()) return block.status();
    if (static_cast<size_t>(blocks.start()) != read.size()) std::abort();
    if (block->empty()) return absl::OkStatus();
    if (!blocks.ended() && !block->ends_with('\n')) std::abort();
    read += *block;
  }
}

size_t LongestLine(std::string_view text) {
  size_t longest = 0;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    longest = std::max(longest, end - at);
    at = end + 1;
  }
  return longest;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  const auto coding = static_cast<Coding>(data[0] % kCodings);
  const size_t piece_bytes = 1 + size_t{data[1]} * 1'013;
  const std::string_view part(reinterpret_cast<const char*>(data + 3),
                              size - 3);
  std::string read;
  // As it is: mostly broken.
  (void)Read(coding, part, piece_bytes, read);
  std::string plain;
  const size_t times = data[2] % 32 == 0 ? kBodyBytes / part.size() : 1;
  for (size_t i = 0; i < times; ++i) plain += part;
  read.clear();
  const absl::Status status =
      Read(coding, Packed(coding, plain), piece_bytes, read);
  // Nothing but a line is too long of what is packed well.
  const bool good = LongestLine(plain) + 1 < static_cast<size_t>(kLineBytesMax);
  if (status.ok() ? read != plain : good) std::abort();
  return 0;
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  for (char coding = 0; coding < kCodings; ++coding) {
    std::string seed = {coding, '\x20', '\0'};
    seed += "a{b=\"c\"} 1 1000\nb 2\n\n# a comment\n";
    add(seed.data(), seed.size());
    const std::string packed =
        Packed(static_cast<Coding>(coding), "a 1\nb 2\n");
    seed = {coding, '\x01', '\1'};
    seed += packed;
    add(seed.data(), seed.size());
  }
}
