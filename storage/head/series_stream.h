// One series' recent samples as a compressed stream in chained small blocks.
//
//   stream := token*                     a token is a varint, kind in 2 bits
//     kind 0: rest + 1 samples, each one step later with the same value
//     kind 1: the value again; zigzag(rest) is the change of the step
//     kind 2: the same step; zigzag(rest) is added to the value's integer
//     kind 3: zigzag(rest) changes the step; then value:varint
//       value even: zigzag(value / 2) is added to the value's integer
//       value odd:  value / 2 is the new scale; below 15 m:zigzag follows,
//                   15: bits:u64
//   A value's integer is m of m / 10^scale, or its bits at scale 15. The state
//   before the first sample is all zeros, and the first step does not count:
//   the second sample's change of the step is from 0.
//
// In:      samples whose timestamps never fall, |timestamp| < 2^59. Any bits.
// Out:     the samples whose timestamps are in a range.
// Cost:    48 bytes and about 15 ns an append; 0 bytes a sample when neither
//          step nor value change, 1 with jitter, 2..3 for a counter.
// Threads: none of this locks; the head's shard does.
// Source:  Pelkonen et al., "Gorilla" (VLDB 2015), section 4.1.1, with whole
//          bytes and decimals; measured by bench/micro/head_append_bench.cc.
#ifndef VARVE_STORAGE_HEAD_SERIES_STREAM_H_
#define VARVE_STORAGE_HEAD_SERIES_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/model/sample.h"
#include "lib/model/time_range.h"

namespace varve::storage {

// Timestamps beyond it would not fit a token; callers keep them elsewhere.
inline constexpr int64_t kStreamTimestampMax = int64_t{1} << 59;

struct StreamBlock {
  uint32_t next = 0;
  char bytes[44];
};
static_assert(sizeof(StreamBlock) == 48);

// Blocks by number, never moved.
class BlockArena {
 public:
  uint32_t Allocate();
  // The chain's blocks are the next to be given out.
  void Free(uint32_t first, uint32_t last);
  StreamBlock& at(uint32_t block) {
    return slabs_[block / kSlabBlocks][block % kSlabBlocks];
  }
  const StreamBlock& at(uint32_t block) const {
    return slabs_[block / kSlabBlocks][block % kSlabBlocks];
  }
  int64_t bytes() const {
    return static_cast<int64_t>(slabs_.size() * kSlabBlocks *
                                sizeof(StreamBlock));
  }

 private:
  static constexpr uint32_t kSlabBlocks = 256;  // 12 KiB
  static constexpr uint32_t kNoBlock = std::numeric_limits<uint32_t>::max();
  std::vector<std::unique_ptr<StreamBlock[]>> slabs_;
  uint32_t used_ = 0;
  uint32_t free_ = kNoBlock;  // chained by `next`
};

// What an append needs to know of the samples before it.
struct StreamState {
  int64_t last_ms = 0;
  uint64_t last_bits = 0;
  int64_t step_ms = 0;
  uint32_t samples = 0;
  uint32_t first_block = 0;
  uint32_t tail_block = 0;
  // Of kind 0, not yet in the stream.
  uint32_t run = 0;
  // The day of the latest sample; the head's, kept here to fill the hole.
  int32_t day = std::numeric_limits<int32_t>::min();
  uint8_t tail_used = 0;
  uint8_t scale = 0;
};
static_assert(sizeof(StreamState) == 48);

// REQUIRES: timestamp_ms >= state.last_ms unless it is the first sample;
// |timestamp_ms| < kStreamTimestampMax.
void AppendToStream(StreamState& state, BlockArena& arena, int64_t timestamp_ms,
                    double value);

// Empties the stream, whose blocks go back to the arena; the day stays.
void FreeStream(StreamState& state, BlockArena& arena);

// Replaces `bytes` by the stream so far, its pending run left out.
void CopyStream(const StreamState& state, const BlockArena& arena,
                std::string& bytes);

// Appends the samples inside `range`. `state` and `bytes` are copies taken at
// one time, so that decoding needs no lock. A stream is memory of our own: it
// is trusted, but for never reading outside `bytes`.
void DecodeStream(const StreamState& state, std::string_view bytes,
                  const model::TimeRange& range, model::SampleColumns& out);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_HEAD_SERIES_STREAM_H_
