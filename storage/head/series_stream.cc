#include "storage/head/series_stream.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "lib/base/byte_coding.h"
#include "lib/encoding/decimal.h"
#include "lib/encoding/varint_stream.h"

namespace varve::storage {
namespace {

using encoding::WriteVarint;

constexpr uint64_t kRun = 0;
constexpr uint64_t kSameValue = 1;
constexpr uint64_t kSameStep = 2;
constexpr uint64_t kBoth = 3;

constexpr uint8_t kRawScale = 15;
static_assert(encoding::kScaleMax < kRawScale);

constexpr size_t kBlockBytes = sizeof(StreamBlock::bytes);
// A run, a step, a scale and a value, and the slack of WriteVarint.
constexpr size_t kAppendBytesMax = 4 * encoding::kVarintBytesMax + 8;

// The integer of bits that fit `scale`.
int64_t IntegerOf(uint64_t bits, uint8_t scale) {
  if (scale == kRawScale) return static_cast<int64_t>(bits);
  return encoding::NearestMantissa(std::bit_cast<double>(bits),
                                   encoding::kPowersOfTen[scale]);
}

uint64_t ZigzagOfDifference(int64_t a, int64_t b) {
  return base::ZigzagEncode(static_cast<int64_t>(static_cast<uint64_t>(a) -
                                                 static_cast<uint64_t>(b)));
}

void AppendBytes(StreamState& state, BlockArena& arena, const char* from,
                 size_t size) {
  while (size > 0) {
    if (state.tail_used == kBlockBytes) {
      const uint32_t block = arena.Allocate();
      arena.at(state.tail_block).next = block;
      state.tail_block = block;
      state.tail_used = 0;
    }
    char* to = arena.at(state.tail_block).bytes + state.tail_used;
    // Nearly every append: a store of a known size.
    if (size <= 8 && state.tail_used + 8u <= kBlockBytes) {
      std::memcpy(to, from, 8);
      state.tail_used += static_cast<uint8_t>(size);
      return;
    }
    const size_t fits = std::min(size, kBlockBytes - state.tail_used);
    std::memcpy(to, from, fits);
    state.tail_used += static_cast<uint8_t>(fits);
    from += fits;
    size -= fits;
  }
}

// A new scale, or a raw value too far from the last one for a difference.
char* WriteRestart(char* to, uint64_t step_change, uint8_t scale,
                   int64_t integer) {
  to = WriteVarint(to, step_change << 2 | kBoth);
  to = WriteVarint(to, uint64_t{scale} << 1 | 1);
  if (scale < kRawScale) return WriteVarint(to, base::ZigzagEncode(integer));
  std::memcpy(to, &integer, sizeof(integer));
  return to + sizeof(integer);
}

// The value's tokens, with the step's change; sets the state's scale.
char* WriteChangedValue(char* to, StreamState& state, uint64_t step_change,
                        double value) {
  const auto bits = std::bit_cast<uint64_t>(value);
  uint8_t scale = state.scale;
  int64_t integer = 0;
  bool fits = false;
  if (scale < kRawScale) {
    const double power = encoding::kPowersOfTen[scale];
    integer = encoding::NearestMantissa(value, power);
    fits = encoding::Fits(value, integer, power);
  }
  if (!fits) {
    encoding::Decimal decimal;
    if (encoding::SmallestDecimal(value, decimal)) {
      scale = static_cast<uint8_t>(decimal.scale);
      integer = decimal.mantissa;
    } else {
      scale = kRawScale;
      integer = static_cast<int64_t>(bits);
    }
  }
  const uint64_t change =
      ZigzagOfDifference(integer, IntegerOf(state.last_bits, state.scale));
  if (scale != state.scale || change >> 62 != 0) {
    state.scale = scale;
    return WriteRestart(to, step_change, scale, integer);
  }
  if (step_change == 0) return WriteVarint(to, change << 2 | kSameStep);
  to = WriteVarint(to, step_change << 2 | kBoth);
  return WriteVarint(to, change << 1);
}

}  // namespace

uint32_t BlockArena::Allocate() {
  if (free_ != kNoBlock) {
    const uint32_t block = free_;
    free_ = at(block).next;
    return block;
  }
  if (used_ % kSlabBlocks == 0) {
    // Not cleared: a block's bytes are written before they are read.
    slabs_.emplace_back(new StreamBlock[kSlabBlocks]);
  }
  return used_++;
}

void BlockArena::Free(uint32_t first, uint32_t last) {
  at(last).next = free_;
  free_ = first;
}

void AppendToStream(StreamState& state, BlockArena& arena, int64_t timestamp_ms,
                    double value) {
  const int64_t step_ms = timestamp_ms - state.last_ms;
  const uint64_t step_change = ZigzagOfDifference(step_ms, state.step_ms);
  const bool same_value = std::bit_cast<uint64_t>(value) == state.last_bits;
  const bool first = state.samples == 0;
  if (step_change == 0 && same_value &&
      state.run < std::numeric_limits<uint32_t>::max() && !first) {
    ++state.run;
    ++state.samples;
    state.last_ms = timestamp_ms;
    return;
  }
  char tokens[kAppendBytesMax];
  char* to = tokens;
  if (first) {
    state.first_block = state.tail_block = arena.Allocate();
  } else if (state.run > 0) {
    to = WriteVarint(to, uint64_t{state.run - 1} << 2 | kRun);
    state.run = 0;
  }
  if (same_value) {
    to = WriteVarint(to, step_change << 2 | kSameValue);
  } else {
    to = WriteChangedValue(to, state, step_change, value);
  }
  AppendBytes(state, arena, tokens, static_cast<size_t>(to - tokens));
  ++state.samples;
  state.step_ms = first ? 0 : step_ms;
  state.last_ms = timestamp_ms;
  state.last_bits = std::bit_cast<uint64_t>(value);
}

void FreeStream(StreamState& state, BlockArena& arena) {
  if (state.samples > 0) arena.Free(state.first_block, state.tail_block);
  const int32_t day = state.day;
  state = StreamState{};
  state.day = day;
}

void CopyStream(const StreamState& state, const BlockArena& arena,
                std::string& bytes) {
  bytes.clear();
  if (state.samples == 0) return;
  uint32_t block = state.first_block;
  for (; block != state.tail_block; block = arena.at(block).next) {
    bytes.append(arena.at(block).bytes, kBlockBytes);
  }
  bytes.append(arena.at(block).bytes, state.tail_used);
}

namespace {

// Walks a stream's tokens.
class StreamDecoder {
 public:
  StreamDecoder(const model::TimeRange& range, model::SampleColumns& out)
      : range_(range), out_(out) {}

  void Token(encoding::VarintReader& reader) {
    const uint64_t token = reader.Varint();
    const uint64_t rest = token >> 2;
    const uint64_t kind = token & 3;
    if (kind == kRun) {
      Run(rest + 1);
      return;
    }
    if (kind == kSameStep) {
      Change(rest);
    } else {
      step_ms_ += static_cast<uint64_t>(base::ZigzagDecode(rest));
      if (kind == kBoth) ReadValue(reader);
    }
    last_ms_ += step_ms_;
    if (first_) step_ms_ = 0;
    first_ = false;
    Emit();
  }

  void Run(uint64_t samples) {
    for (; samples > 0 && !past_end(); --samples) {
      last_ms_ += step_ms_;
      Emit();
    }
  }

  // Timestamps never fall: nothing later can be inside the range.
  bool past_end() const {
    return !first_ && static_cast<int64_t>(last_ms_) > range_.end_ms;
  }

 private:
  void Change(uint64_t zigzag) {
    integer_ += static_cast<uint64_t>(base::ZigzagDecode(zigzag));
    SetValue();
  }

  void ReadValue(encoding::VarintReader& reader) {
    const uint64_t token = reader.Varint();
    if ((token & 1) == 0) {
      Change(token >> 1);
      return;
    }
    scale_ = std::min<uint64_t>(token >> 1, kRawScale);
    integer_ = scale_ < kRawScale ? reader.Zigzag() : reader.Fixed64();
    SetValue();
  }

  void SetValue() {
    value_ = scale_ == kRawScale
                 ? std::bit_cast<double>(integer_)
                 : encoding::FromDecimal(static_cast<int64_t>(integer_),
                                         encoding::kPowersOfTen[scale_]);
  }

  void Emit() {
    const auto timestamp_ms = static_cast<int64_t>(last_ms_);
    if (range_.Contains(timestamp_ms)) out_.push_back(timestamp_ms, value_);
  }

  const model::TimeRange range_;
  model::SampleColumns& out_;
  uint64_t last_ms_ = 0;
  uint64_t step_ms_ = 0;
  uint64_t integer_ = 0;
  uint64_t scale_ = 0;
  double value_ = 0;
  bool first_ = true;
};

}  // namespace

void DecodeStream(const StreamState& state, std::string_view bytes,
                  const model::TimeRange& range, model::SampleColumns& out) {
  if (state.samples == 0 || state.last_ms < range.start_ms) return;
  encoding::VarintReader reader(bytes);
  StreamDecoder decoder(range, out);
  while (!reader.AtEnd() && reader.ok() && !decoder.past_end()) {
    decoder.Token(reader);
  }
  if (!decoder.past_end()) decoder.Run(state.run);
}

}  // namespace varve::storage
