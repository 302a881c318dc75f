#include "lib/protocol/prometheus_chunk.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace varve::protocol {
namespace {

// Bits from the highest down, into whole bytes.
class BitWriter {
 public:
  explicit BitWriter(std::string& out) : out_(out) {}

  void Bits(uint64_t value, int count) {
    for (int left = count; left > 0;) {
      if (free_ == 0) {
        out_.push_back('\0');
        free_ = 8;
      }
      const int take = std::min(left, free_);
      const uint64_t piece =
          (value >> (left - take)) & ((uint64_t{1} << take) - 1);
      out_.back() = static_cast<char>(static_cast<uint8_t>(out_.back()) |
                                      piece << (free_ - take));
      free_ -= take;
      left -= take;
    }
  }
  void Double(double value) { Bits(std::bit_cast<uint64_t>(value), 64); }

  // Whole bytes of an XOR chunk's first timestamps.
  void Uvarint(uint64_t value) {
    while (value >= 0x80) {
      Bits((value & 0x7F) | 0x80, 8);
      value >>= 7;
    }
    Bits(value, 8);
  }
  void Varint(int64_t value) {
    Uvarint(static_cast<uint64_t>(value) << 1 ^
            static_cast<uint64_t>(value >> 63));
  }

  // Histogram chunks: n ones and a zero name the n-th of these widths.
  void VarbitInt(int64_t value) {
    if (value == 0) return Bits(0, 1);
    for (size_t i = 0; i < kWidths.size(); ++i) {
      const int64_t top = int64_t{1} << (kWidths[i] - 1);
      if (value < -top + 1 || value > top) continue;
      return Prefixed(i, static_cast<uint64_t>(value));
    }
    Bits(0xFF, 8);
    Bits(static_cast<uint64_t>(value), 64);
  }
  void VarbitUint(uint64_t value) {
    if (value == 0) return Bits(0, 1);
    for (size_t i = 0; i < kWidths.size(); ++i) {
      if (value >> kWidths[i] != 0) continue;
      return Prefixed(i, value);
    }
    Bits(0xFF, 8);
    Bits(value, 64);
  }

 private:
  static constexpr std::array<int, 7> kWidths = {3, 6, 9, 12, 18, 25, 56};

  void Prefixed(size_t i, uint64_t value) {
    const int ones = static_cast<int>(i) + 1;
    Bits((uint64_t{1} << (ones + 1)) - 2, ones + 1);
    Bits(value, kWidths[i]);
  }

  std::string& out_;
  int free_ = 0;  // bits of the last byte
};

// Writes the difference of a float's bits to the one before.
class XorValues {
 public:
  void Write(BitWriter& bits, double value, double before) {
    const uint64_t delta =
        std::bit_cast<uint64_t>(value) ^ std::bit_cast<uint64_t>(before);
    if (delta == 0) return bits.Bits(0, 1);
    bits.Bits(1, 1);
    constexpr int kLeadingMax = 31;  // what five bits hold
    const int leading = std::min(std::countl_zero(delta), kLeadingMax);
    const int trailing = std::countr_zero(delta);
    if (leading_ >= 0 && leading >= leading_ && trailing >= trailing_) {
      bits.Bits(0, 1);
      bits.Bits(delta >> trailing_, 64 - leading_ - trailing_);
      return;
    }
    leading_ = leading;
    trailing_ = trailing;
    const int width = 64 - leading - trailing;
    bits.Bits(1, 1);
    bits.Bits(static_cast<uint64_t>(leading), 5);
    bits.Bits(static_cast<uint64_t>(width) & 63, 6);  // 64 is written as 0
    bits.Bits(delta >> trailing, width);
  }

 private:
  int leading_ = -1;
  int trailing_ = 0;
};

void WriteTimeStep(BitWriter& bits, int64_t step) {
  struct Range {
    int width;
    uint64_t prefix;
    int prefix_bits;
  };
  static constexpr Range kRanges[] = {
      {14, 0b10, 2}, {17, 0b110, 3}, {20, 0b1110, 4}};
  if (step == 0) return bits.Bits(0, 1);
  for (const Range& range : kRanges) {
    const int64_t top = int64_t{1} << (range.width - 1);
    if (step < -top + 1 || step > top) continue;
    bits.Bits(range.prefix, range.prefix_bits);
    bits.Bits(static_cast<uint64_t>(step), range.width);
    return;
  }
  bits.Bits(0b1111, 4);
  bits.Bits(static_cast<uint64_t>(step), 64);
}

void AppendCount(std::string& out, size_t samples) {
  out.push_back(static_cast<char>(samples >> 8));
  out.push_back(static_cast<char>(samples));
}

// Powers of two, which thresholds mostly are, take a byte.
void WriteZeroThreshold(BitWriter& bits, double threshold) {
  if (threshold == 0) return bits.Bits(0, 8);
  int exponent = 0;
  const double fraction = std::frexp(threshold, &exponent);
  if (fraction != 0.5 || exponent < -242 || exponent > 11) {
    bits.Bits(255, 8);
    return bits.Double(threshold);
  }
  bits.Bits(static_cast<uint64_t>(exponent + 243), 8);
}

void WriteSpans(BitWriter& bits,
                const std::vector<model::HistogramSpan>& spans) {
  bits.VarbitUint(spans.size());
  for (const model::HistogramSpan& span : spans) {
    bits.VarbitUint(span.length);
    bits.VarbitInt(span.offset);
  }
}

void WriteLayout(BitWriter& bits, const model::HistogramLayout& layout) {
  WriteZeroThreshold(bits, layout.zero_threshold);
  bits.VarbitInt(layout.schema);
  WriteSpans(bits, layout.positive);
  WriteSpans(bits, layout.negative);
  if (layout.schema != model::kSchemaCustom) return;
  bits.VarbitUint(layout.custom_bounds.size());
  for (const double bound : layout.custom_bounds) {
    bits.Bits(0, 1);  // as it is; thousandths would be an other form
    bits.Double(bound);
  }
}

uint8_t ResetFlags(model::CounterReset reset) {
  switch (reset) {
    case model::CounterReset::kYes:
      return 0b10;
    case model::CounterReset::kNo:
      return 0b01;
    case model::CounterReset::kGauge:
      return 0b11;
    case model::CounterReset::kUnknown:
      break;
  }
  return 0;
}

void WriteIntCounts(BitWriter& bits, const model::Histogram& histogram) {
  bits.VarbitUint(histogram.count);
  bits.VarbitUint(histogram.zero_count);
  bits.Double(histogram.sum);
  const size_t positive = histogram.layout.positive_buckets();
  uint64_t before = 0;
  for (size_t i = 0; i < histogram.buckets.size(); ++i) {
    if (i == positive) before = 0;
    bits.VarbitInt(static_cast<int64_t>(histogram.buckets[i] - before));
    before = histogram.buckets[i];
  }
}

void WriteFloatCounts(BitWriter& bits, const model::Histogram& histogram) {
  bits.Bits(histogram.count, 64);
  bits.Bits(histogram.zero_count, 64);
  bits.Double(histogram.sum);
  for (const uint64_t bucket : histogram.buckets) bits.Bits(bucket, 64);
}

}  // namespace

void AppendXorChunk(std::string& out, std::span<const int64_t> timestamps_ms,
                    std::span<const double> values) {
  AppendCount(out, timestamps_ms.size());
  BitWriter bits(out);
  XorValues xors;
  int64_t step_before = 0;
  for (size_t i = 0; i < timestamps_ms.size(); ++i) {
    if (i == 0) {
      bits.Varint(timestamps_ms[0]);
      bits.Double(values[0]);
      continue;
    }
    const int64_t step = timestamps_ms[i] - timestamps_ms[i - 1];
    if (i == 1) {
      bits.Uvarint(static_cast<uint64_t>(step));
    } else {
      WriteTimeStep(bits, step - step_before);
    }
    step_before = step;
    xors.Write(bits, values[i], values[i - 1]);
  }
}

void AppendHistogramChunk(std::string& out, int64_t timestamp_ms,
                          const model::Histogram& histogram) {
  AppendCount(out, 1);
  BitWriter bits(out);
  bits.Bits(static_cast<uint64_t>(ResetFlags(histogram.reset)) << 6, 8);
  WriteLayout(bits, histogram.layout);
  bits.VarbitInt(timestamp_ms);
  if (histogram.layout.float_counts) {
    WriteFloatCounts(bits, histogram);
  } else {
    WriteIntCounts(bits, histogram);
  }
}

}  // namespace varve::protocol
