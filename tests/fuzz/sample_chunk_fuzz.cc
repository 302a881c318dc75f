// Chunks from a damaged disk: any bytes are samples or data loss, and what was
// decoded can be encoded again without losing a bit.
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/encoding/sample_chunk.h"
#include "tests/fuzz/seeds.h"

namespace {

void Values(std::string_view bytes, size_t n) {
  std::vector<double> values(n);
  if (!varve::encoding::DecodeValues(bytes, values).ok()) return;
  std::string again;
  varve::encoding::EncodeValues(values, again);
  std::vector<double> back(n);
  if (!varve::encoding::DecodeValues(again, back).ok()) __builtin_trap();
  for (size_t i = 0; i < n; ++i) {
    if (std::bit_cast<uint64_t>(back[i]) !=
        std::bit_cast<uint64_t>(values[i])) {
      __builtin_trap();
    }
  }
}

void Timestamps(std::string_view bytes, size_t n) {
  std::vector<int64_t> times(n);
  if (!varve::encoding::DecodeTimestamps(bytes, times).ok()) return;
  std::string again;
  varve::encoding::EncodeTimestamps(times, again);
  std::vector<int64_t> back(n);
  if (!varve::encoding::DecodeTimestamps(again, back).ok() || back != times) {
    __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t n = 1 + data[0];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1,
                               size - 1);
  Values(bytes, n);
  Timestamps(bytes, n);
  return 0;
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  std::vector<double> values(100);
  std::vector<int64_t> times(100);
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = 0.25 * static_cast<double>(i * i % 31);
    times[i] = static_cast<int64_t>(i * 15'000 + i % 3);
  }
  values[40] = -0.0;
  std::string seed(1, static_cast<char>(values.size() - 1));
  varve::encoding::EncodeValues(values, seed);
  add(seed.data(), seed.size());
  seed.resize(1);
  varve::encoding::EncodeTimestamps(times, seed);
  add(seed.data(), seed.size());
}
