#include "storage/head/series_stream.h"

#include <algorithm>
#include <bit>

#include "lib/base/byte_coding.h"
#include "lib/encoding/decimal.h"

namespace varve::storage {
namespace {

// Tokens, their lowest bit first.
constexpr uint64_t kWide = 0b01;
constexpr int kWideBits = 2;
constexpr uint64_t kRun = 0b011;
constexpr int kRunBits = 3;
constexpr uint64_t kSkip = 0b00111;
constexpr uint64_t kColumn = 0b10111;
constexpr uint64_t kShift = 0b01111;
constexpr uint64_t kValue = 0b11111;
constexpr int kRareBits = 5;

constexpr int kLengthBits = 6;
constexpr int kScaleBits = 4;

constexpr uint8_t kRawScale = 15;
static_assert(encoding::kScaleMax < kRawScale);

// A zero has any number of zeros at its end.
constexpr int kShiftMax = 50;

// Of changes in a row two bits below the width, then the width falls by one.
constexpr uint8_t kNarrowMax = 8;

// A short run is cheaper as changes by nothing, which are zero bits.
constexpr uint32_t kRunAsZerosBits = 8;

// Of the longest token, 111 01, beyond the word it begins in.
constexpr size_t kPaddingWords = 6;

// Encoder and decoder follow `bits`, the width of each change they see: up in
// steps, so that one jump does not widen what comes after it.
void AdaptWidth(int bits, uint8_t& width, uint8_t& narrow) {
  if (bits > width) {
    width = static_cast<uint8_t>(width == 0 ? bits : std::min(bits, width + 2));
    narrow = 0;
  } else if (bits + 2 > width) {
    narrow = 0;
  } else if (++narrow == kNarrowMax) {
    --width;
    narrow = 0;
  }
}

uint8_t ShiftAfter(uint64_t integer) {
  return static_cast<uint8_t>(
      std::min(integer == 0 ? kShiftMax : std::countr_zero(integer),
               kShiftMax));
}

// The integer of bits that fit `scale`.
uint64_t IntegerOf(uint64_t bits, uint8_t scale) {
  if (scale == kRawScale) return bits;
  return static_cast<uint64_t>(encoding::NearestMantissa(
      std::bit_cast<double>(bits), encoding::kPowersOfTen[scale]));
}

uint64_t Zigzag(uint64_t value) {
  return base::ZigzagEncode(static_cast<int64_t>(value));
}

class StreamWriter {
 public:
  StreamWriter(StreamState& state, BlockArena& arena)
      : state_(state),
        arena_(arena),
        pending_(state.pending),
        used_(state.pending_bits) {}
  ~StreamWriter() {
    state_.pending = static_cast<uint32_t>(pending_);
    state_.pending_bits = static_cast<uint8_t>(used_);
  }
  StreamWriter(const StreamWriter&) = delete;
  StreamWriter& operator=(const StreamWriter&) = delete;

  // REQUIRES: n <= 32, value < 2^n.
  void Put(uint64_t value, int n) {
    pending_ |= value << used_;
    used_ += n;
    if (used_ < 32) return;
    Spill(static_cast<uint32_t>(pending_));
    pending_ >>= 32;
    used_ -= 32;
  }
  // REQUIRES: n <= 64, value < 2^n.
  void PutLong(uint64_t value, int n) {
    if (n <= 32) {
      Put(value, n);
      return;
    }
    Put(value & 0xffffffff, 32);
    Put(value >> 32, n - 32);
  }
  void PutNumber(uint64_t value) {
    const int n = std::bit_width(value);
    Put(static_cast<uint64_t>(n), kLengthBits);
    PutLong(value, n);
  }

  void Run();
  void Slot(const TimeSlot& slot);
  void Value(double value);

 private:
  void Spill(uint32_t word) {
    if (state_.tail_words == StreamBlock::kWords) {
      const uint32_t block = arena_.Allocate();
      (state_.first_block == kNoBlock ? state_.first_block
                                      : arena_.at(state_.tail_block).next) =
          block;
      state_.tail_block = block;
      state_.tail_words = 0;
    }
    arena_.at(state_.tail_block).words[state_.tail_words++] = word;
  }
  void Change(uint64_t change);
  void NewScale(uint8_t scale, uint64_t integer);

  StreamState& state_;
  BlockArena& arena_;
  uint64_t pending_;
  int used_;
};

// What the state holds back goes before anything else.
void StreamWriter::Run() {
  if (uint64_t{state_.run} * (state_.width + 1u) <= kRunAsZerosBits) {
    for (; state_.run > 0; --state_.run) {
      Put(0, state_.width + 1);
      AdaptWidth(0, state_.width, state_.narrow);
    }
    return;
  }
  Put(kRun, kRunBits);
  PutNumber(state_.run - 1);
  state_.run = 0;
}

void StreamWriter::Slot(const TimeSlot& slot) {
  if (slot.column == state_.next.column && slot.index > state_.next.index) {
    Put(kSkip, kRareBits);
    PutNumber(slot.index - state_.next.index - 1);
    return;
  }
  Put(kColumn, kRareBits);
  PutNumber(slot.column);
  PutNumber(slot.index);
}

void StreamWriter::Change(uint64_t change) {
  if (change != 0 && std::countr_zero(change) < state_.shift) {
    state_.shift = static_cast<uint8_t>(std::countr_zero(change));
    Put(kShift, kRareBits);
    Put(state_.shift, kLengthBits);
  }
  const auto shifted =
      static_cast<uint64_t>(static_cast<int64_t>(change) >> state_.shift);
  const uint64_t zigzag = Zigzag(shifted);
  const int bits = std::bit_width(zigzag);
  if (bits <= state_.width) {
    if (state_.width < 32) {
      Put(zigzag << 1, state_.width + 1);
    } else {
      Put(0, 1);
      PutLong(zigzag, state_.width);
    }
  } else {
    Put(kWide | static_cast<uint64_t>(bits - 1) << kWideBits,
        kWideBits + kLengthBits);
    PutLong(zigzag, bits);
  }
  AdaptWidth(bits, state_.width, state_.narrow);
}

void StreamWriter::NewScale(uint8_t scale, uint64_t integer) {
  state_.scale = scale;
  state_.shift = ShiftAfter(integer);
  Put(kValue | uint64_t{scale} << kRareBits, kRareBits + kScaleBits);
  if (scale == kRawScale) {
    PutLong(integer, 64);
  } else {
    PutNumber(Zigzag(integer));
  }
}

void StreamWriter::Value(double value) {
  const uint64_t before = IntegerOf(state_.last_bits, state_.scale);
  // The first one sets the scale: it says nothing of the changes' width.
  if (state_.scale < kRawScale && !state_.empty()) {
    const double power = encoding::kPowersOfTen[state_.scale];
    const int64_t integer = encoding::NearestMantissa(value, power);
    if (encoding::Fits(value, integer, power)) {
      Change(static_cast<uint64_t>(integer) - before);
      return;
    }
  }
  encoding::Decimal decimal;
  if (encoding::SmallestDecimal(value, decimal)) {
    NewScale(static_cast<uint8_t>(decimal.scale),
             static_cast<uint64_t>(decimal.mantissa));
    return;
  }
  const auto bits = std::bit_cast<uint64_t>(value);
  if (state_.scale == kRawScale) {
    Change(bits - before);
  } else {
    NewScale(kRawScale, bits);
  }
}

}  // namespace

uint32_t BlockArena::Allocate() {
  if (free_ == kNoBlock) return blocks_.Add();
  const uint32_t block = free_;
  free_ = at(block).next;
  return block;
}

void BlockArena::Free(uint32_t first, uint32_t last) {
  at(last).next = free_;
  free_ = first;
}

void AppendChange(StreamState& state, BlockArena& arena, const TimeSlot& slot,
                  double value) {
  {
    StreamWriter writer(state, arena);
    if (state.run > 0) writer.Run();
    if (!(slot == state.next)) writer.Slot(slot);
    writer.Value(value);
  }
  state.last_bits = std::bit_cast<uint64_t>(value);
  state.next = {slot.column, slot.index + 1};
}

void EndRun(StreamState& state, BlockArena& arena) {
  if (state.run > 0) StreamWriter(state, arena).Run();
}

void FreeStream(StreamState& state, BlockArena& arena) {
  if (state.first_block != kNoBlock) {
    arena.Free(state.first_block, state.tail_block);
  }
  state = StreamState{};
}

void CopyStream(const StreamState& state, const BlockArena& arena,
                StreamCopy& copy) {
  copy.words.clear();
  copy.run = state.run;
  for (uint32_t block = state.first_block; block != kNoBlock;) {
    const StreamBlock& from = arena.at(block);
    const bool tail = block == state.tail_block;
    copy.words.insert(copy.words.end(), from.words,
                      from.words + (tail ? state.tail_words : from.kWords));
    block = tail ? kNoBlock : from.next;
  }
  copy.bits = copy.words.size() * 32 + state.pending_bits;
  copy.words.push_back(state.pending);
  PadStream(copy);
}

void PadStream(StreamCopy& copy) {
  copy.words.resize(copy.words.size() + kPaddingWords, 0);
}

namespace {

class StreamReader {
 public:
  StreamReader(const StreamCopy& copy, std::vector<SlotRun>& slots,
               std::vector<double>& values)
      : words_(copy.words.data()),
        bits_(copy.bits),
        slots_(slots),
        values_(values) {}

  bool AtEnd() const { return at_ >= bits_; }

  void Token() {
    const uint64_t head = Peek();
    if ((head & 1) == 0) {
      at_ += 1;
      Change(GetLong(width_), width_);
    } else if ((head & 2) == 0) {
      at_ += kWideBits;
      const int n = static_cast<int>(Get(kLengthBits)) + 1;
      Change(GetLong(n), n);
    } else if ((head & 4) == 0) {
      at_ += kRunBits;
      Run(static_cast<uint32_t>(GetNumber()) + 1);
    } else {
      at_ += kRareBits;
      Rare(head & ((1 << kRareBits) - 1));
    }
  }

  void Run(uint32_t samples) {
    values_.insert(values_.end(), samples, value_);
    slots_.back().samples += samples;
  }

 private:
  // At least 33 bits.
  uint64_t Peek() const {
    const uint32_t* word = words_ + at_ / 32;
    return (uint64_t{word[1]} << 32 | word[0]) >> (at_ % 32);
  }
  uint64_t Get(int n) {
    const uint64_t value = Peek() & ((uint64_t{1} << n) - 1);
    at_ += static_cast<size_t>(n);
    return value;
  }
  uint64_t GetLong(int n) {
    if (n <= 32) return Get(n);
    const uint64_t low = Get(32);
    return Get(n - 32) << 32 | low;
  }
  uint64_t GetNumber() { return GetLong(static_cast<int>(Get(kLengthBits))); }

  void Rare(uint64_t token) {
    if (token == kSkip) {
      const TimeSlot& first = slots_.back().first;
      const uint32_t next = first.index + slots_.back().samples;
      slots_.push_back(
          {{first.column, next + 1 + static_cast<uint32_t>(GetNumber())}, 0});
    } else if (token == kColumn) {
      const auto column = static_cast<uint32_t>(GetNumber());
      slots_.push_back({{column, static_cast<uint32_t>(GetNumber())}, 0});
    } else if (token == kShift) {
      shift_ = static_cast<uint8_t>(Get(kLengthBits));
    } else {
      scale_ = static_cast<uint8_t>(Get(kScaleBits));
      integer_ = scale_ == kRawScale
                     ? GetLong(64)
                     : static_cast<uint64_t>(base::ZigzagDecode(GetNumber()));
      shift_ = ShiftAfter(integer_);
      Emit();
    }
  }

  void Change(uint64_t zigzag, int n) {
    const auto change = static_cast<uint64_t>(base::ZigzagDecode(zigzag));
    integer_ += change << shift_;
    // A change of width w may have fewer bits; a wide one has just n.
    AdaptWidth(n > width_ ? n : std::bit_width(zigzag), width_, narrow_);
    Emit();
  }

  void Emit() {
    value_ = scale_ == kRawScale
                 ? std::bit_cast<double>(integer_)
                 : encoding::FromDecimal(static_cast<int64_t>(integer_),
                                         encoding::kPowersOfTen[scale_]);
    values_.push_back(value_);
    ++slots_.back().samples;
  }

  const uint32_t* words_;
  const size_t bits_;
  std::vector<SlotRun>& slots_;
  std::vector<double>& values_;
  size_t at_ = 0;
  uint64_t integer_ = 0;
  double value_ = 0;
  uint8_t scale_ = 0;
  uint8_t shift_ = 0;
  uint8_t width_ = 0;
  uint8_t narrow_ = 0;
};

}  // namespace

void DecodeStream(const StreamCopy& copy, std::vector<SlotRun>& slots,
                  std::vector<double>& values) {
  slots.clear();
  values.clear();
  StreamReader reader(copy, slots, values);
  while (!reader.AtEnd()) reader.Token();
  if (copy.run > 0) reader.Run(copy.run);
}

}  // namespace varve::storage
