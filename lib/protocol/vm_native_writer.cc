#include "lib/protocol/vm_native_writer.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "lib/base/byte_coding.h"
#include "lib/compress/compress.h"
#include "lib/protocol/vm_native_decimal.h"

namespace varve::protocol {
namespace {

void PutZigzag(std::string& out, int64_t value) {
  base::PutVarint(out, base::ZigzagEncode(value));
}

// Wraps where int64 would overflow, as decoding does.
int64_t Minus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) -
                              static_cast<uint64_t>(b));
}

void AppendEscaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (static_cast<uint8_t>(c) <= 2) {
      out.push_back('\0');
      out.push_back(static_cast<char>('0' + c));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('\x01');
}

void AppendSized(std::string& out, std::string_view bytes) {
  base::PutFixedBe(out, static_cast<uint32_t>(bytes.size()));
  out.append(bytes);
}

}  // namespace

void VmNativeWriter::AppendHead(std::string& out, model::TimeRange range) {
  base::PutFixedBe(out, base::ZigzagEncode(range.start_ms));
  base::PutFixedBe(out, base::ZigzagEncode(range.end_ms));
}

void VmNativeWriter::Start(const model::LabelSet& labels) {
  name_.clear();
  AppendEscaped(name_, labels.Get(model::kMetricName));
  for (const model::Label& label : labels) {
    if (label.name == model::kMetricName) continue;
    AppendEscaped(name_, label.name);
    AppendEscaped(name_, label.value);
  }
}

void VmNativeWriter::Append(std::string& out,
                            std::span<const int64_t> timestamps_ms,
                            std::span<const double> values) {
  for (size_t begin = 0; begin < values.size(); begin += kVmBlockRowsMax) {
    const size_t end = std::min(values.size(), begin + kVmBlockRowsMax);
    kept_.clear();
    for (size_t i = begin; i < end; ++i) {
      if (std::isnan(values[i]) && !model::IsStaleNan(values[i])) {
        ++left_out_;
      } else {
        kept_.push_back(timestamps_ms[i], values[i]);
      }
    }
    AppendBlocks(out, kept_.timestamps_ms, kept_.values);
  }
}

void VmNativeWriter::AppendBlocks(std::string& out,
                                  std::span<const int64_t> timestamps_ms,
                                  std::span<const double> values) {
  if (values.empty()) return;
  if (const std::optional<int> e = ToDecimals(values, decimals_)) {
    return AppendBlock(out, timestamps_ms, *e);
  }
  const size_t half = values.size() / 2;  // at most 13 times
  AppendBlocks(out, timestamps_ms.first(half), values.first(half));
  AppendBlocks(out, timestamps_ms.subspan(half), values.subspan(half));
}

void VmNativeWriter::AppendBlock(std::string& out,
                                 std::span<const int64_t> timestamps_ms,
                                 int e) {
  constexpr char kExactBits = 64;
  const VmEncoding of_timestamps = Encode(timestamps_ms);
  timestamps_.swap(encoded_);
  const VmEncoding of_values = Encode(decimals_);
  block_.clear();
  PutZigzag(block_, timestamps_ms.front());
  PutZigzag(block_, timestamps_ms.back());
  PutZigzag(block_, decimals_.front());
  base::PutVarint(block_, decimals_.size());
  PutZigzag(block_, e);
  block_.push_back(static_cast<char>(of_timestamps));
  block_.push_back(static_cast<char>(of_values));
  block_.push_back(kExactBits);
  base::PutLengthPrefixed(block_, timestamps_);
  base::PutLengthPrefixed(block_, encoded_);
  AppendSized(out, name_);
  AppendSized(out, block_);
}

VmEncoding VmNativeWriter::Encode(std::span<const int64_t> numbers) {
  encoded_.clear();
  bool constant = true;
  bool constant_delta = numbers.size() > 1;
  bool rising = true;
  for (size_t i = 1; i < numbers.size(); ++i) {
    const int64_t delta = Minus(numbers[i], numbers[i - 1]);
    constant &= delta == 0;
    constant_delta &= delta == Minus(numbers[1], numbers[0]);
    rising &= numbers[i] >= numbers[i - 1];
  }
  if (constant) return VmEncoding::kConstant;
  if (constant_delta) {
    PutZigzag(encoded_, Minus(numbers[1], numbers[0]));
    return VmEncoding::kConstantDelta;
  }
  plain_.clear();
  int64_t before = 0;
  for (size_t i = 1; i < numbers.size(); ++i) {
    const int64_t delta = Minus(numbers[i], numbers[i - 1]);
    PutZigzag(plain_, rising ? Minus(delta, before) : delta);
    before = delta;
  }
  constexpr size_t kCompressedBytesMin = 128;  // as the format's own writer
  if (plain_.size() >= kCompressedBytesMin) {
    compress::ZstdCompress(plain_, 1, encoded_);
    if (encoded_.size() < plain_.size()) {
      return rising ? VmEncoding::kZstdDelta2 : VmEncoding::kZstdDelta;
    }
  }
  encoded_ = plain_;
  return rising ? VmEncoding::kDelta2 : VmEncoding::kDelta;
}

}  // namespace varve::protocol
