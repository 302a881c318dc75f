// Segments: runs of one series' samples, the value of a key in a data family.
//
//   value    := segment*          merging values is joining their bytes
//   segment  := size:varint body[size] checksum:u32
//   body     := kind:u8 generation:varint n:varint ts_ref:varint
//               ts_size:varint timestamps[ts_size] chunk
//   checksum := low 32 bits of xxh3-64 over the size's bytes and body
//
// kind 0 float; 1 native histogram, 2 start timestamps and 3 exemplars are
// kind_segments.h's. ts_ref 0: the timestamps stand inline; else it is the id of
// a shared column (timestamp_column.h), and ts_size and timestamps are left
// out. The columns are lib/encoding/sample_chunk.h's; inline timestamps start
// with their bounds, so that segments out of range are not decoded.
// `generation` is the head generation that was flushed, of joined segments the
// highest. Drawn with real numbers in docs/formats/segment.md.
//
// Errors:  a broken segment is counted and skipped, the ones around it are
//          read; a broken size loses what follows it. Reads never leave the
//          value and allocate at most what its row counts ask.
// Threads: free functions without state.
#ifndef VARVE_STORAGE_BLOCK_SEGMENT_H_
#define VARVE_STORAGE_BLOCK_SEGMENT_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "lib/encoding/sample_chunk.h"
#include "lib/model/sample.h"
#include "lib/model/time_range.h"
#include "storage/block/timestamp_column.h"

namespace varve::storage {

enum class SegmentKind : uint8_t {
  kFloat = 0,
  kHistogram = 1,
  kStartTimestamps = 2,
  kExemplars = 3,
};

// An hour at one sample a second fits; longer runs become several segments of
// about equal length, so that a short range does not pay for decoding a long
// one.
inline constexpr size_t kSegmentSamplesMax = 4096;

// What the segments of a series may lean on.
struct SegmentContext {
  // Null: timestamps stand inline.
  SharedTimestamps* shared = nullptr;
  uint64_t* next_column = nullptr;  // with `shared`
  // The series' own; null: none.
  encoding::ValueHints* hints = nullptr;
};

// Appends the samples as segments. REQUIRES: equally long, not empty,
// timestamps never decrease.
void AppendFloatSegments(uint64_t generation,
                         std::span<const int64_t> timestamps_ms,
                         std::span<const double> values,
                         const SegmentContext& context, std::string& out);

struct SegmentReadStats {
  int64_t segments = 0;  // looked at, all of the below included
  int64_t skipped = 0;   // out of the range
  int64_t other_kinds = 0;  // histograms and exemplars: passed over
  int64_t unknown = 0;   // of a later version: the answer is partial
  int64_t corrupt = 0;   // DataLoss: the answer is partial
  // OK, or what the first corrupt segment was.
  absl::Status first_error;
  bool complete() const { return unknown == 0 && corrupt == 0; }
};

// Told of each segment that gave samples: those from `from` on are of it.
using SegmentVisitor = std::function<void(uint64_t generation, size_t from)>;

// Appends the float samples of `value` inside `range` to `out`, segment after
// segment: each sorted, together not. `stats` is added to. The columns' errors
// other than DataLoss are returned.
absl::Status ReadFloatSegments(std::string_view value,
                               const model::TimeRange& range,
                               ColumnSource& columns,
                               model::SampleColumns& out,
                               SegmentReadStats& stats,
                               const SegmentVisitor& visitor = nullptr);

struct SegmentHeader {
  SegmentKind kind = SegmentKind::kFloat;
  uint64_t generation = 0;
  uint32_t samples = 0;
  uint64_t ts_ref = 0;
  model::TimeRange bounds;  // of kind float with inline timestamps
  std::string_view timestamps;
  std::string_view chunk;
};

// Walks a value for inspection and rewrites: takes the first segment off
// `value`. DataLoss as ReadFloatSegments counts it; `value` is then at the
// next segment if the size could be believed, else empty.
// REQUIRES: `value` is not empty.
absl::Status NextSegment(std::string_view& value, SegmentHeader& header);

// Decodes one float segment's samples inside `range`; appends.
absl::Status DecodeFloatSegment(const SegmentHeader& header,
                                const model::TimeRange& range,
                                ColumnSource& columns,
                                model::SampleColumns& out);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_BLOCK_SEGMENT_H_
