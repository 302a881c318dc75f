// Every decompressor: any bytes give an error or at most the bytes allowed.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/compress/compress.h"
#include "tests/fuzz/seeds.h"

namespace {

constexpr size_t kBytesMax = 100'000;

void Check(const absl::Status& status, const std::string& out) {
  if (out.size() > kBytesMax || (!status.ok() && !out.empty())) std::abort();
}

}  // namespace

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += "{\"name\":" + std::to_string(i * i);
  std::string packed;
  varve::compress::SnappyCompress(text, packed);
  add(packed.data(), packed.size());
  varve::compress::ZstdCompress(text, 3, packed);
  add(packed.data(), packed.size());
  varve::compress::GzipCompress(text, 6, packed);
  add(packed.data(), packed.size());
  varve::compress::Lz4Compress(text, packed);
  add(packed.data(), packed.size());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace varve::compress;
  const std::string_view src(reinterpret_cast<const char*>(data), size);
  std::string out;
  Check(SnappyDecompress(src, kBytesMax, out), out);
  Check(ZstdDecompress(src, kBytesMax, out), out);
  Check(GzipDecompress(src, kBytesMax, out), out);
  Check(Lz4Decompress(src, size % 1000, out), out);
  return 0;
}
