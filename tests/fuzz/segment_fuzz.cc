// Values from a damaged disk: any bytes are samples or counted as broken. The
// checksum is made right, so that what lies behind it is reached.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/byte_coding.h"
#include "lib/base/hash.h"
#include "storage/block/segment.h"
#include "tests/fuzz/seeds.h"

namespace {

void Read(std::string_view value) {
  varve::storage::SegmentReadStats stats;
  varve::model::SampleColumns columns;
  varve::storage::ReadFloatSegments(value, {-1'000'000, 1'000'000'000}, columns,
                                    stats);
  if (columns.timestamps_ms.size() != columns.values.size() ||
      stats.complete() != stats.first_error.ok()) {
    if (stats.unknown == 0) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Read(bytes);
  std::string sealed;
  varve::base::PutLengthPrefixed(sealed, bytes);
  varve::base::PutFixedLe(sealed,
                          static_cast<uint32_t>(varve::base::Checksum(sealed)));
  Read(sealed);
  return 0;
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  std::vector<int64_t> times;
  std::vector<double> values;
  for (int i = 0; i < 50; ++i) {
    times.push_back(i * 15'000 + i % 4);
    values.push_back(i * 0.5);
  }
  std::string value;
  varve::storage::AppendFloatSegments(1, times, values, value);
  add(value.data(), value.size());
  // Without its size and checksum: what the sealed form wraps.
  const std::string body = value.substr(1, value.size() - 5);
  add(body.data(), body.size());
}
