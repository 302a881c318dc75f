#include "lib/protocol/vm_native_reader.h"

#include <algorithm>

#include "lib/base/status.h"
#include "lib/compress/compress.h"
#include "lib/model/label.h"
#include "lib/protocol/vm_native_decimal.h"

namespace varve::protocol {
namespace {

using base::InvalidArgument;

// A name or a value of a label, up to its end mark. False when it has none,
// or an escape that does not exist.
bool ReadEscaped(std::string_view& rest, std::string& out) {
  out.clear();
  for (size_t i = 0; i < rest.size(); ++i) {
    const char c = rest[i];
    if (c == '\x01') {
      rest.remove_prefix(i + 1);
      return true;
    }
    if (c != '\0') {
      out.push_back(c);
      continue;
    }
    if (++i == rest.size() || rest[i] < '0' || rest[i] > '2') return false;
    out.push_back(static_cast<char>(rest[i] - '0'));
  }
  return false;
}

int64_t Plus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) +
                              static_cast<uint64_t>(b));
}

absl::Status CheckOrder(const std::vector<int64_t>& timestamps_ms,
                        model::TimeRange block) {
  int64_t before = block.start_ms;
  for (const int64_t ms : timestamps_ms) {
    if (ms < before || ms > block.end_ms) {
      return InvalidArgument("native import: a block's timestamp ", ms,
                             " after ", before, " is out of order or not in ",
                             block.start_ms, "..", block.end_ms);
    }
    before = ms;
  }
  return absl::OkStatus();
}

// Timestamps that were stored with fewer bits have lost their order.
void RestoreOrder(std::vector<int64_t>& timestamps_ms,
                  model::TimeRange block) {
  int64_t before = block.start_ms;
  for (int64_t& ms : timestamps_ms) {
    ms = before = std::clamp(ms, before, block.end_ms);
  }
  timestamps_ms.front() = block.start_ms;
  timestamps_ms.back() = block.end_ms;
}

}  // namespace

VmNativeReader::VmNativeReader(std::string_view body) : rest_(body) {}

size_t VmNativeReader::WholeBytes(std::string_view bytes, bool first) {
  if (first && bytes.size() < kVmHeadBytes) return 0;
  size_t whole = first ? kVmHeadBytes : 0;
  while (true) {
    base::ByteReader pair(bytes.substr(whole));
    for (int i = 0; i < 2; ++i) {
      const auto size = pair.FixedBe<uint32_t>();
      if (pair.ok() && size > kVmRecordBytesMax) return bytes.size();
      (void)pair.Bytes(size);
    }
    if (!pair.ok()) break;
    whole = bytes.size() - pair.rest().size();
  }
  return first && whole == kVmHeadBytes ? 0 : whole;
}

absl::Status VmNativeReader::ReadName(std::string_view name) {
  if (!canonical_.empty() && name == name_) return absl::OkStatus();
  name_ = name;
  std::vector<model::Label> labels(1);
  labels[0].name = model::kMetricName;
  bool good = ReadEscaped(name, labels[0].value);
  while (good && !name.empty()) {
    model::Label label;
    good = ReadEscaped(name, label.name) && ReadEscaped(name, label.value) &&
           !label.name.empty();
    labels.push_back(std::move(label));
  }
  if (!good) {
    return InvalidArgument("native import: broken name of a series of ",
                           name_.size(), " bytes");
  }
  canonical_.clear();
  AppendCanonicalBytes(canonical_, model::LabelSet(std::move(labels)));
  return absl::OkStatus();
}

absl::Status VmNativeReader::Decode(uint8_t encoding, std::string_view bytes,
                                    int64_t first, size_t rows,
                                    std::vector<int64_t>& out) {
  constexpr size_t kVarintBytesMax = 10;
  auto kind = static_cast<VmEncoding>(encoding);
  if (kind == VmEncoding::kZstdDelta2 || kind == VmEncoding::kZstdDelta) {
    const absl::Status status =
        compress::ZstdDecompress(bytes, rows * kVarintBytesMax, plain_);
    if (!status.ok()) {
      return InvalidArgument("native import: a block's ", rows,
                             " numbers: ", base::Message(status));
    }
    bytes = plain_;
    kind = kind == VmEncoding::kZstdDelta2 ? VmEncoding::kDelta2
                                           : VmEncoding::kDelta;
  }
  base::ByteReader deltas(bytes);
  int64_t delta = 0;
  if (kind == VmEncoding::kConstantDelta) delta = deltas.Zigzag();
  out.clear();
  out.reserve(rows);
  out.push_back(first);
  for (size_t i = 1; i < rows; ++i) {
    if (kind == VmEncoding::kDelta2) delta = Plus(delta, deltas.Zigzag());
    if (kind == VmEncoding::kDelta) delta = deltas.Zigzag();
    out.push_back(Plus(out.back(), delta));
  }
  if (!deltas.AtEnd()) {
    return InvalidArgument("native import: ", bytes.size(), " bytes are not ",
                           rows, " numbers of encoding ", encoding);
  }
  return absl::OkStatus();
}

absl::Status VmNativeReader::ReadBlock(std::string_view bytes,
                                       SampleBatch& batch) {
  base::ByteReader block(bytes);
  model::TimeRange range;
  range.start_ms = block.Zigzag();
  range.end_ms = block.Zigzag();
  const int64_t first = block.Zigzag();
  const uint64_t rows = block.Varint();
  const int64_t e = block.Zigzag();
  const auto of_timestamps = block.FixedLe<uint8_t>();
  const auto of_values = block.FixedLe<uint8_t>();
  const auto bits = block.FixedLe<uint8_t>();
  const std::string_view timestamps = block.LengthPrefixed();
  const std::string_view values = block.LengthPrefixed();
  const auto is_encoding = [](uint8_t encoding) {
    return encoding >= static_cast<uint8_t>(VmEncoding::kZstdDelta2) &&
           encoding <= static_cast<uint8_t>(VmEncoding::kDelta);
  };
  if (!block.AtEnd() || rows == 0 || rows > kVmBlockRowsReadMax ||
      e < INT16_MIN || e > INT16_MAX || !is_encoding(of_timestamps) ||
      !is_encoding(of_values) || bits == 0 || bits > 64 ||
      range.start_ms > range.end_ms) {
    return InvalidArgument("native import: broken head of a block of ",
                           bytes.size(), " bytes with ", rows, " rows");
  }
  RETURN_IF_ERROR(Decode(of_timestamps, timestamps, range.start_ms, rows,
                         timestamps_ms_));
  if (bits == 64) {
    RETURN_IF_ERROR(CheckOrder(timestamps_ms_, range));
  } else {
    RestoreOrder(timestamps_ms_, range);
  }
  RETURN_IF_ERROR(Decode(of_values, values, first, rows, decimals_));
  BatchSeries series;
  series.first_row = static_cast<uint32_t>(batch.values.size());
  for (size_t i = 0; i < rows; ++i) {
    if (!range_.Contains(timestamps_ms_[i])) continue;
    batch.timestamps_ms.push_back(timestamps_ms_[i]);
    batch.values.push_back(FromDecimal(decimals_[i], static_cast<int>(e)));
    ++series.rows;
  }
  if (series.rows == 0) return absl::OkStatus();
  series.identity = batch.arena.Copy(canonical_);
  batch.series.push_back(series);
  return absl::OkStatus();
}

absl::StatusOr<bool> VmNativeReader::Next(SampleBatch& batch,
                                          size_t rows_max) {
  if (!has_range_) {
    range_.start_ms = base::ZigzagDecode(rest_.FixedBe<uint64_t>());
    range_.end_ms = base::ZigzagDecode(rest_.FixedBe<uint64_t>());
    if (!rest_.ok()) {
      return InvalidArgument("native import: the time range is cut");
    }
    has_range_ = true;
  }
  while (!rest_.empty() && !batch.full(rows_max)) {
    for (const bool is_block : {false, true}) {
      const auto size = rest_.FixedBe<uint32_t>();
      const std::string_view bytes = rest_.Bytes(size);
      if (!rest_.ok() || size > kVmRecordBytesMax) {
        return InvalidArgument("native import: a ", is_block ? "block" : "name",
                               " is cut or longer than ", kVmRecordBytesMax,
                               " bytes");
      }
      RETURN_IF_ERROR(is_block ? ReadBlock(bytes, batch) : ReadName(bytes));
    }
  }
  return !rest_.empty();
}

}  // namespace varve::protocol
