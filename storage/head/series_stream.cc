#include "storage/head/series_stream.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "lib/base/byte_coding.h"
#include "lib/encoding/column_kernels.h"
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

// A zero has any number of zeros at its end.
constexpr int kShiftMax = 50;

// Of changes in a row two bits below the width, then the width falls by one.
constexpr uint8_t kNarrowMax = 8;

// With the bit before it.
constexpr uint8_t kWidthOfOnePut = 62;

// A short run is cheaper as changes by nothing, which are zero bits.
constexpr uint32_t kRunAsZerosBits = 8;

// Of the longest token, 111 01, beyond the word it begins in.
constexpr size_t kPaddingWords = 6;

// Encoder and decoder follow `bits`, the width of each change they see: up in
// steps, so that one jump does not widen what comes after it. Which of the
// changes below the width are narrow is a matter of dice: no branch for it.
void AdaptWidth(int bits, uint8_t& width, uint8_t& narrow) {
  if (bits > width) {
    width = static_cast<uint8_t>(width == 0 ? bits : std::min(bits, width + 2));
    narrow = 0;
    return;
  }
  narrow = static_cast<uint8_t>(bits + 2 > width ? 0 : narrow + 1);
  if (narrow == kNarrowMax) {
    --width;
    narrow = 0;
  }
}

uint8_t ShiftAfter(uint64_t integer) {
  return static_cast<uint8_t>(
      std::min(integer == 0 ? kShiftMax : std::countr_zero(integer),
               kShiftMax));
}

uint64_t Zigzag(uint64_t value) {
  return base::ZigzagEncode(static_cast<int64_t>(value));
}

// Stays out of the appends it is seldom part of.
[[gnu::noinline]] void Spill(StreamState& state, BlockArena& arena) {
  uint64_t words = state.pending;
  for (int i = 0; i < 2; ++i, words >>= 32) {
    if (state.tail_words == StreamBlock::kWords) {
      const uint32_t block = arena.Allocate();
      (state.first_block == kNoBlock ? state.first_block
                                     : arena.at(state.tail_block).next) = block;
      state.tail_block = block;
      state.tail_words = 0;
    }
    arena.at(state.tail_block).words[state.tail_words++] =
        static_cast<uint32_t>(words);
  }
}

// REQUIRES: n < 64, value < 2^n.
inline void PutBits(StreamState& state, BlockArena& arena, uint64_t value,
                    int n) {
  const int used = state.pending_bits + n;
  state.pending |= value << state.pending_bits;
  state.pending_bits = static_cast<uint8_t>(used % 64);
  if (used < 64) return;
  Spill(state, arena);
  state.pending = value >> (n - used % 64);  // of which used % 64 are left
}

class StreamWriter {
 public:
  StreamWriter(StreamState& state, BlockArena& arena)
      : state_(state), arena_(arena) {}

  void Put(uint64_t value, int n) { PutBits(state_, arena_, value, n); }
  // REQUIRES: n <= 64, value < 2^n.
  void PutLong(uint64_t value, int n) {
    if (n < 64) {
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
  void Value(encoding::ScaledValue value);

 private:
  void Change(uint64_t change);
  void NewScale(const encoding::ScaledValue& value);

  StreamState& state_;
  BlockArena& arena_;
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
  // A change by nothing has 64 zeros at its end.
  if (std::countr_zero(change) < state_.shift) {
    state_.shift = static_cast<uint8_t>(std::countr_zero(change));
    Put(kShift, kRareBits);
    Put(state_.shift, kLengthBits);
  }
  const uint64_t zigzag = Zigzag(
      static_cast<uint64_t>(static_cast<int64_t>(change) >> state_.shift));
  const int bits = std::bit_width(zigzag);
  if (bits > state_.width) {
    Put(kWide | static_cast<uint64_t>(bits - 1) << kWideBits,
        kWideBits + kLengthBits);
    PutLong(zigzag, bits);
  } else if (state_.width <= kWidthOfOnePut) {
    Put(zigzag << 1, state_.width + 1);
  } else {
    Put(0, 1);
    PutLong(zigzag, state_.width);
  }
  AdaptWidth(bits, state_.width, state_.narrow);
}

void StreamWriter::NewScale(const encoding::ScaledValue& value) {
  state_.scale = value.scale;
  state_.shift = ShiftAfter(value.integer);
  Put(kValue | uint64_t{value.scale} << kRareBits, kRareBits + kScaleBits);
  if (value.scale == encoding::kRawScale) {
    PutLong(value.integer, 64);
  } else {
    PutNumber(Zigzag(value.integer));
  }
}

void StreamWriter::Value(encoding::ScaledValue value) {
  // The first one sets the scale: it says nothing of the changes' width.
  if (!state_.empty() && encoding::MoveToScale(value, state_.scale)) {
    Change(value.integer - state_.integer);
  } else {
    NewScale(value);
  }
  state_.integer = value.integer;
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

namespace {

// True: the value is in the stream, as the next sample's change by no more
// than the usual width. The one case that is worth a path of its own.
inline bool AppendUsualChange(StreamState& state, BlockArena& arena,
                              const encoding::ScaledValue& value) {
  const uint64_t change = value.integer - state.integer;
  const uint64_t zigzag = Zigzag(
      static_cast<uint64_t>(static_cast<int64_t>(change) >> state.shift));
  const int bits = std::bit_width(zigzag);
  const bool exact = (change & ((uint64_t{1} << state.shift) - 1)) == 0;
  if (!exact || bits > state.width || state.width > kWidthOfOnePut) {
    return false;
  }
  PutBits(state, arena, zigzag << 1, state.width + 1);
  AdaptWidth(bits, state.width, state.narrow);
  return true;
}

}  // namespace

[[gnu::noinline]] void AppendElsewhere(StreamState& state, BlockArena& arena,
                                       const TimeSlot& slot,
                                       const encoding::ScaledValue& value) {
  StreamWriter writer(state, arena);
  if (state.run > 0) writer.Run();
  if (!(slot == state.next)) writer.Slot(slot);
  writer.Value(value);
  state.next = {slot.column, slot.index + 1};
}

void AppendChange(StreamState& state, BlockArena& arena,
                  const encoding::ScaledValue& value) {
  if (state.run == 0 && value.scale == state.scale &&
      AppendUsualChange(state, arena, value)) {
    state.integer = value.integer;
    ++state.next.index;
    return;
  }
  AppendElsewhere(state, arena, state.next, value);
}

void FreeStream(StreamState& state, BlockArena& arena) {
  if (state.first_block != kNoBlock) {
    arena.Free(state.first_block, state.tail_block);
  }
  state = StreamState{};
}

void CopyStream(const StreamState& state, const BlockArena& arena,
                StreamCopy& copy) {
  size_t n = 0;
  const auto make_room = [&copy, &n] {
    constexpr size_t kRoom = StreamBlock::kWords + 2 + kPaddingWords;
    if (copy.words.size() < n + kRoom) copy.words.resize(2 * n + kRoom);
  };
  make_room();
  for (uint32_t block = state.first_block; block != kNoBlock;) {
    const StreamBlock& from = arena.at(block);
    // Whole blocks: of a known size, without a call.
    std::memcpy(copy.words.data() + n, from.words, sizeof(from.words));
    const bool tail = block == state.tail_block;
    n += tail ? state.tail_words : from.kWords;
    block = tail ? kNoBlock : from.next;
    make_room();
  }
  copy.bits = n * 32 + state.pending_bits;
  copy.run = state.run;
  copy.words[n] = static_cast<uint32_t>(state.pending);
  copy.words[n + 1] = static_cast<uint32_t>(state.pending >> 32);
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

  void Read(uint32_t run) {
    while (at_ < bits_) {
      Changes();
      if (at_ < bits_) Token();
    }
    if (run > 0) Run(run);
    Flush();
    EndSlots();
  }

 private:
  // Integers that wait to be values: so many are turned at once.
  static constexpr size_t kHeldMax = 128;
  // Below it a run is cheaper as integers than as a flush.
  static constexpr uint32_t kHeldRunMax = 16;
  // Peek gives a token's first bit and so many more.
  static constexpr int kPeekWidthMax = 32;

  // At least 33 bits.
  uint64_t Peek(size_t at) const {
    const uint32_t* word = words_ + at / 32;
    return (uint64_t{word[1]} << 32 | word[0]) >> (at % 32);
  }
  uint64_t Get(int n) {
    const uint64_t value = Peek(at_) & ((uint64_t{1} << n) - 1);
    at_ += static_cast<size_t>(n);
    return value;
  }
  uint64_t GetLong(int n) {
    if (n <= 32) return Get(n);
    const uint64_t low = Get(32);
    return Get(n - 32) << 32 | low;
  }
  uint64_t GetNumber() { return GetLong(static_cast<int>(Get(kLengthBits))); }

  // Tokens of changes, nearly all there are, as far as they follow one another.
  // In variables of its own: members would go through memory.
  void Changes() {
    if (held_ == kHeldMax) Flush();
    size_t at = at_;
    uint64_t integer = integer_;
    size_t held = held_;
    const int shift = shift_;
    uint8_t width = width_;
    uint8_t narrow = narrow_;
    // What AdaptWidth does is but a comparison for nearly all of them.
    uint64_t mask = MaskOf(width);
    uint64_t usual = UsualFrom(width);
    for (; at < bits_ && held < kHeldMax; ++held) {
      const uint64_t head = Peek(at);
      uint64_t zigzag = head >> 1 & mask;
      if ((head & 1) == 0 && width <= kPeekWidthMax) {
        at += width + 1u;
        // Without a branch: nobody can foretell it.
        narrow = static_cast<uint8_t>((narrow + 1) * (zigzag < usual));
        if (narrow < kNarrowMax) [[likely]] {
          integer += Unzigzag(zigzag) << shift;
          integers_[held] = static_cast<int64_t>(integer);
          continue;
        }
        --width;
        narrow = 0;
      } else {
        const int n = static_cast<int>(head >> kWideBits & 63) + 1;
        if ((head & 3) != kWide || n > kPeekWidthMax) break;
        zigzag = Peek(at + kWideBits + kLengthBits) & MaskOf(n);
        at += static_cast<size_t>(kWideBits + kLengthBits + n);
        AdaptWidth(n, width, narrow);
      }
      integer += Unzigzag(zigzag) << shift;
      integers_[held] = static_cast<int64_t>(integer);
      mask = MaskOf(width);
      usual = UsualFrom(width);
    }
    at_ = at;
    integer_ = integer;
    width_ = width;
    narrow_ = narrow;
    held_ = held;
  }

  // The lowest `n` bits, of at most kPeekWidthMax; all of them for more.
  static uint64_t MaskOf(int n) {
    return n > kPeekWidthMax ? ~uint64_t{0} : (uint64_t{1} << n) - 1;
  }
  // From here on a change is wide enough for the width to stay.
  static uint64_t UsualFrom(int width) {
    return width < 2 ? 0 : uint64_t{1} << (width - 2);
  }
  static uint64_t Unzigzag(uint64_t zigzag) {
    return static_cast<uint64_t>(base::ZigzagDecode(zigzag));
  }

  void Token() {
    const uint64_t head = Peek(at_);
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

  void Rare(uint64_t token) {
    if (token == kSkip) {
      const TimeSlot next = EndSlots();
      const auto skipped = static_cast<uint32_t>(GetNumber()) + 1;
      BeginSlots({next.column, next.index + skipped});
    } else if (token == kColumn) {
      EndSlots();
      const auto column = static_cast<uint32_t>(GetNumber());
      BeginSlots({column, static_cast<uint32_t>(GetNumber())});
    } else if (token == kShift) {
      shift_ = static_cast<uint8_t>(Get(kLengthBits));
    } else {
      Flush();
      scale_ = static_cast<uint8_t>(Get(kScaleBits));
      integer_ = scale_ == encoding::kRawScale
                     ? GetLong(64)
                     : static_cast<uint64_t>(base::ZigzagDecode(GetNumber()));
      shift_ = ShiftAfter(integer_);
      Hold();
    }
  }

  void Change(uint64_t zigzag, int n) {
    integer_ += Unzigzag(zigzag) << shift_;
    // A change of width w may have fewer bits; a wide one has just n.
    AdaptWidth(n > width_ ? n : std::bit_width(zigzag), width_, narrow_);
    Hold();
  }

  void Run(uint32_t samples) {
    if (samples < kHeldRunMax) {
      for (; samples > 0; --samples) Hold();
      return;
    }
    Flush();
    values_.insert(values_.end(), samples, values_.back());
  }

  void Hold() {
    if (held_ == kHeldMax) Flush();
    integers_[held_++] = static_cast<int64_t>(integer_);
  }

  // Makes values of the integers that are held.
  void Flush() {
    const size_t before = values_.size();
    values_.resize(before + held_);
    double* const out = values_.data() + before;
    if (scale_ == encoding::kRawScale) {
      std::memcpy(out, integers_.data(), held_ * sizeof(double));
    } else {
      kernels_.from_mantissas(integers_.data(), held_, {.scale = scale_}, out);
    }
    held_ = 0;
  }

  // Where the samples after those so far go on.
  TimeSlot EndSlots() {
    if (slots_.empty()) return {};
    const size_t end = values_.size() + held_;
    SlotRun& last = slots_.back();
    last.samples = static_cast<uint32_t>(end - slots_begin_);
    slots_begin_ = end;
    return {last.first.column, last.first.index + last.samples};
  }
  void BeginSlots(const TimeSlot& first) { slots_.push_back({first, 0}); }

  const uint32_t* const words_;
  const size_t bits_;
  std::vector<SlotRun>& slots_;
  std::vector<double>& values_;
  const encoding::ColumnKernels& kernels_ = encoding::Kernels();
  size_t slots_begin_ = 0;  // of the samples of the last run of slots
  size_t at_ = 0;
  uint64_t integer_ = 0;
  uint8_t scale_ = 0;
  uint8_t shift_ = 0;
  uint8_t width_ = 0;
  uint8_t narrow_ = 0;
  size_t held_ = 0;
  std::array<int64_t, kHeldMax> integers_;
};

}  // namespace

void DecodeStream(const StreamCopy& copy, std::vector<SlotRun>& slots,
                  std::vector<double>& values) {
  slots.clear();
  values.clear();
  StreamReader(copy, slots, values).Read(copy.run);
}

}  // namespace varve::storage
