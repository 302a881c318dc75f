#include "storage/engine/data_families.h"

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"

namespace varve::storage {
KvFamilyOptions DataFamilyOptions(std::string_view name) {
  KvFamilyOptions options;
  if (name == kMetaFamily) return options;
  options.merges = true;
  options.universal = name != kClosedFamily;  // days never overlap there
  // Measured: 32 KiB compresses up to 6 % worse, 128 KiB up to 2 % better.
  options.block_bytes = 64 << 10;
  return options;
}

std::string DayRowKey(int32_t day) {
  std::string key(kRowsPrefix);
  base::PutFixedBe(key, day);
  return key;
}

std::string DayRowValue(const DayState& state) {
  std::string value;
  base::PutFixedLe<int64_t>(value, state.rows);
  base::PutFixedLe<int64_t>(value, state.late_rows);
  base::PutFixedLe<uint64_t>(value, state.next_column);
  base::PutFixedLe<uint64_t>(value, state.rewritten_generation);
  base::PutFixedLe<int64_t>(value, state.rewritten_ms);
  base::PutFixedLe(value, static_cast<uint8_t>(state.phase));
  base::PutFixedLe<uint8_t>(value, state.in_closed ? 1 : 0);
  return value;
}

absl::Status ParseDayRow(std::string_view key, std::string_view value,
                         int32_t& day, DayState& state) {
  base::ByteReader key_reader(key.substr(kRowsPrefix.size()));
  day = key_reader.FixedBe<int32_t>();
  base::ByteReader reader(value);
  state.rows = reader.FixedLe<int64_t>();
  state.late_rows = reader.FixedLe<int64_t>();
  state.next_column = reader.FixedLe<uint64_t>();
  state.rewritten_generation = reader.FixedLe<uint64_t>();
  state.rewritten_ms = reader.FixedLe<int64_t>();
  const auto phase = reader.FixedLe<uint8_t>();
  state.phase = static_cast<DayPhase>(phase);
  state.in_closed = reader.FixedLe<uint8_t>() != 0;
  if (!key_reader.AtEnd() || !reader.AtEnd() || state.next_column == 0 ||
      phase > static_cast<uint8_t>(DayPhase::kClosed)) {
    return base::DataLoss("bad row of a day in data/: ", value.size(),
                          " bytes");
  }
  return absl::OkStatus();
}

}  // namespace varve::storage
