// Names, keys and options of the families in a node's data/ database; drawn in
// docs/formats/storage_directory.md.
//
// Threads: free functions without state.
#ifndef VARVE_STORAGE_ENGINE_DATA_FAMILIES_H_
#define VARVE_STORAGE_ENGINE_DATA_FAMILIES_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "storage/kv/kv.h"

namespace varve::storage {

// Families besides the days'.
inline constexpr std::string_view kMetaFamily = "meta";
inline constexpr std::string_view kClosedFamily = "closed";

// Keys of the meta family. A watermark is the log position below which
// everything is in blocks, and the next head generation: two u64 LE.
inline constexpr std::string_view kWatermarkKey = "watermark";
// The largest timestamp ever flushed, i64 LE.
inline constexpr std::string_view kNewestKey = "newest";
// Likewise of native histograms: i64.
inline constexpr std::string_view kNewestKindKey = "newest_kind";
// The sequence number of index/ that the blocks rely on, u64 LE: a smaller one
// at a start tells that rows of the index are gone.
inline constexpr std::string_view kIndexSequenceKey = "index_sequence";
inline constexpr std::string_view kStatePrefix = "state/";
// + log position u64 BE: storage/engine/tombstone.h
inline constexpr std::string_view kDeletePrefix = "delete/";
inline constexpr std::string_view kRowsPrefix = "rows/";  // + day i32 BE

KvFamilyOptions DataFamilyOptions(std::string_view name);

// How far the move of a day to `closed` has come.
enum class DayPhase : uint8_t {
  kOpen = 0,     // it may have a family, and get one
  kClosing = 1,  // its family does not change; flushes go to `closed`
  kClosed = 2,   // a family of its name is a leftover
};

// What is known of a day with samples: the value of its row in meta.
struct DayState {
  int64_t rows = 0;       // samples written, in any family
  int64_t late_rows = 0;  // of these in `closed` since its last rewrite
  uint64_t next_column = 1;  // id of the next shared timestamp column
  DayPhase phase = DayPhase::kOpen;
  bool in_closed = false;  // `closed` has rows of it
  // The last whole rewrite: deletes of lower generations and downsampling as
  // of its time are applied. 0: none.
  uint64_t rewritten_generation = 0;
  int64_t rewritten_ms = 0;
};

std::string DayRowKey(int32_t day);
std::string DayRowValue(const DayState& state);
// DataLoss. REQUIRES: `key` begins with kRowsPrefix.
absl::Status ParseDayRow(std::string_view key, std::string_view value,
                         int32_t& day, DayState& state);

struct DayFamily {
  int32_t day = 0;
  KvFamilyRef family;
};

// What of data/ may hold samples; replaced, never changed, so that a search
// pins it by holding it.
struct BlockFamilies {
  KvFamilyRef closed;
  std::vector<DayFamily> open_days;   // ascending
  std::map<int32_t, DayState> days;  // with samples
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_DATA_FAMILIES_H_
