// One series' recent samples as a compressed stream of bits in small blocks.
//
//   stream := token*          bits from the lowest up; Number := n:6 bits:n
//     0   change:w            the value's integer changes by zigzag << shift
//     10  n-1:6 change:n      the same, wider than w
//     110 Number              that many and one samples, the value again
//     111 00 Number           that many and one slots of the column are skipped
//     111 01 Number Number    column and index of the next sample
//     111 10 shift:6          the changes' new shift
//     111 11 scale:4 value    a new scale: Number of zigzag m, or 15 and bits:64
//   Integer and scale are a ScaledValue's. Samples take one slot of their time
//   column after another. The shift after a new scale is how many zeros end the
//   integer; w follows the changes' widths (AdaptWidth). The first sample has
//   tokens 111 01 and 111 11.
//
// In:      any float64 as a ScaledValue, as data records have them, and slots
//          (storage/head/time_columns.h).
// Out:     values, and runs of slots.
// Cost:    48 bytes and about 5 ns an append; nothing for a value that stays,
//          one bit more than the change's typical width otherwise.
// Threads: none of this locks; the head's shard does.
// Source:  Pelkonen et al., "Gorilla" (VLDB 2015), section 4.1.2, with decimals
//          and an adaptive width in place of XOR; measured by
//          bench/micro/head_append_bench.cc.
#ifndef VARVE_STORAGE_HEAD_SERIES_STREAM_H_
#define VARVE_STORAGE_HEAD_SERIES_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "lib/encoding/decimal.h"
#include "storage/head/slabs.h"
#include "storage/head/time_columns.h"

namespace varve::storage {

inline constexpr uint32_t kNoBlock = std::numeric_limits<uint32_t>::max();

struct StreamBlock {
  static constexpr uint8_t kWords = 11;
  uint32_t next;
  uint32_t words[kWords];
};
static_assert(sizeof(StreamBlock) == 48);

// Blocks by number, never moved.
class BlockArena {
 public:
  uint32_t Allocate();
  // The chain's blocks are the next to be given out.
  void Free(uint32_t first, uint32_t last);
  StreamBlock& at(uint32_t block) { return blocks_.at(block); }
  const StreamBlock& at(uint32_t block) const { return blocks_.at(block); }
  int64_t bytes() const { return blocks_.bytes(); }

 private:
  Slabs<StreamBlock, 256> blocks_;  // of 12 KiB
  uint32_t free_ = kNoBlock;        // chained by `next`
};

// What an append needs to know of the samples before it.
struct StreamState {
  uint64_t integer = 0;  // of the last sample, at `scale`
  uint64_t pending = 0;  // bits not yet in a block
  TimeSlot next;  // column kNoColumn: no sample yet
  uint32_t first_block = kNoBlock;
  uint32_t tail_block = kNoBlock;
  uint32_t run = 0;  // of the same value, not yet in the stream
  // The day of the latest sample; the head's, kept here to fill the hole.
  int32_t day = std::numeric_limits<int32_t>::min();
  uint8_t pending_bits = 0;  // below 64
  uint8_t tail_words = StreamBlock::kWords;
  uint8_t scale = 0;
  uint8_t shift = 0;
  uint8_t width = 0;
  uint8_t narrow = 0;  // changes in a row that wanted less than the width

  bool empty() const { return next.column == kNoColumn; }
  // Whether the last sample has this value. REQUIRES: not empty().
  bool EndsWith(const encoding::ScaledValue& value) const {
    if (value.scale == scale) return value.integer == integer;
    encoding::ScaledValue moved = value;
    return encoding::MoveToOtherScale(moved, scale) && moved.integer == integer;
  }
};
static_assert(sizeof(StreamState) == 48);

// What is not another sample of a run.
void AppendChange(StreamState& state, BlockArena& arena,
                  const encoding::ScaledValue& value);
void AppendElsewhere(StreamState& state, BlockArena& arena,
                     const TimeSlot& slot, const encoding::ScaledValue& value);

// At state.next. REQUIRES: not empty().
inline void AppendNext(StreamState& state, BlockArena& arena,
                       const encoding::ScaledValue& value) {
  if (state.EndsWith(value) &&
      state.run < std::numeric_limits<uint32_t>::max()) {
    ++state.run;
    ++state.next.index;
    return;
  }
  AppendChange(state, arena, value);
}

inline void AppendToStream(StreamState& state, BlockArena& arena,
                           const TimeSlot& slot,
                           const encoding::ScaledValue& value) {
  if (slot == state.next) {
    AppendNext(state, arena, value);
  } else {
    AppendElsewhere(state, arena, slot, value);
  }
}

// Makes the state new; its blocks go back to the arena.
void FreeStream(StreamState& state, BlockArena& arena);

// A stream as it was at one moment, taken out of its blocks so that decoding
// needs no lock.
struct StreamCopy {
  std::vector<uint32_t> words;
  size_t bits = 0;
  uint32_t run = 0;
};

// Replaces what `copy` was.
void CopyStream(const StreamState& state, const BlockArena& arena,
                StreamCopy& copy);

// Replaces `slots` and `values` by all samples in the order they came.
void DecodeStream(const StreamCopy& copy, std::vector<SlotRun>& slots,
                  std::vector<double>& values);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_HEAD_SERIES_STREAM_H_
