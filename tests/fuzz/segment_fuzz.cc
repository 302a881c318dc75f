// Values from a damaged disk: any bytes are samples or counted as broken. The
// checksum is made right, so that what lies behind it is reached.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/byte_coding.h"
#include "lib/base/hash.h"
#include "lib/base/status.h"
#include "storage/block/segment.h"
#include "tests/fuzz/seeds.h"

namespace {

// Every reference finds the same column, which fits segments of 50 samples.
class OneColumn final : public varve::storage::ColumnSource {
 public:
  absl::StatusOr<std::span<const int64_t>> Find(uint64_t id) override {
    if (id == 2) return varve::base::DataLoss("no such column");
    for (size_t i = 0; i < column_.size(); ++i) {
      column_[i] = static_cast<int64_t>(i * 15'000 + i % 7);
    }
    return std::span<const int64_t>(column_);
  }

 private:
  std::array<int64_t, 50> column_;
};

void ReadColumn(std::string_view value) {
  std::vector<int64_t> times;
  const absl::Status status = varve::storage::ParseColumnValue(value, times);
  if (status.ok() && times.empty()) __builtin_trap();
}

void Read(std::string_view value) {
  varve::storage::SegmentReadStats stats;
  varve::model::SampleColumns columns;
  OneColumn shared;
  if (!varve::storage::ReadFloatSegments(value, {-1'000'000, 1'000'000'000},
                                         shared, columns, stats)
           .ok()) {
    __builtin_trap();
  }
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
  std::string column(bytes);
  varve::base::PutFixedLe(column,
                          static_cast<uint32_t>(varve::base::Checksum(column)));
  ReadColumn(column);
  ReadColumn(bytes);
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
  varve::storage::AppendFloatSegments(1, times, values, {}, value);
  add(value.data(), value.size());
  std::string column;
  varve::storage::AppendColumnValue(times, column);
  add(column.data(), column.size() - 4);
  varve::storage::SharedTimestamps shared;
  uint64_t next_column = 1;
  std::string referring;
  for (int i = 0; i < 2; ++i) {
    referring.clear();
    varve::storage::AppendFloatSegments(
        1, times, values, {.shared = &shared, .next_column = &next_column},
        referring);
  }
  add(referring.data(), referring.size());
  // Without its size and checksum: what the sealed form wraps.
  const std::string body = value.substr(1, value.size() - 5);
  add(body.data(), body.size());
}
