// Timestamps shared by the series of one shard.
//
// The series of a scrape have the same timestamps, jitter and all: they keep
// (column, index) instead. A row goes to the entry its series expects next; at
// the column's end it extends the column; else it moves to where a row of this
// timestamp went lately, or to a column of its own. So a column is what series
// have in common, without anybody knowing targets: series that part for one
// scrape pay one token each in their streams and are stable again.
//
//   column := first, step, residuals      entry i = first + i * step + r[i]
//
// Residuals take 0 bytes while the step is exact, then 2; 4 or 8 only for
// columns that are irregular from their beginning: a regular one is left for
// a new one when a gap or a drift of over 32 s comes.
//
// In:      any int64 timestamps.
// Threads: none of this locks; the head's shard does. Entries never change.
// Source:  Prom++ (deckhouse/prompp, pp/series_data) shares them too, by a
//          graph of states.
#ifndef VARVE_STORAGE_HEAD_TIME_COLUMNS_H_
#define VARVE_STORAGE_HEAD_TIME_COLUMNS_H_

#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "storage/head/slabs.h"

namespace varve::storage {

inline constexpr uint32_t kNoColumn = std::numeric_limits<uint32_t>::max();

// One entry of one column.
struct TimeSlot {
  uint32_t column = kNoColumn;
  uint32_t index = 0;
  friend bool operator==(const TimeSlot& a, const TimeSlot& b) {
    return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
  }
};

// `samples` slots one after another.
struct SlotRun {
  TimeSlot first;
  uint32_t samples = 0;
};

// Strictly increasing timestamps.
class TimeColumn {
 public:
  uint32_t size() const { return size_; }
  // REQUIRES: i < size().
  int64_t at(uint32_t i) const {
    return static_cast<int64_t>(Grid(i) + static_cast<uint64_t>(Residual(i)));
  }
  // Fills `to` with the entries from `from` on.
  void Copy(uint32_t from, std::span<int64_t> to) const;
  // False: better start a new column than to widen this one's residuals.
  bool Takes(int64_t timestamp_ms) const;
  // REQUIRES: above the last entry.
  void Push(int64_t timestamp_ms);
  int64_t heap_bytes() const { return int64_t{capacity_} * width_; }

 private:
  uint64_t Grid(uint32_t i) const { return first_ms_ + i * step_ms_; }
  int64_t Residual(uint32_t i) const;
  int64_t NextResidual(int64_t timestamp_ms) const;
  void SetResidual(uint32_t i, int64_t residual);
  void Grow(uint8_t width, uint32_t capacity);

  // Unsigned: the arithmetic wraps, and comes back the same way.
  uint64_t first_ms_ = 0;
  uint64_t step_ms_ = 0;
  std::unique_ptr<char[]> residuals_;
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
  uint8_t width_ = 0;
};
static_assert(sizeof(TimeColumn) == 40);

class TimeColumns {
 public:
  enum class Fit : uint8_t {
    kStored,    // later than the series' last
    kSameTime,  // at the series' last timestamp
    kLate,      // earlier: has no slot
  };
  struct Placed {
    TimeSlot slot;
    Fit fit = Fit::kStored;
  };

  // Where the row of a series belongs whose next slot is `next`; column
  // kNoColumn for its first row.
  Placed Place(const TimeSlot& next, int64_t timestamp_ms) {
    if (IsRecent(next, timestamp_ms)) return {next, Fit::kStored};
    return PlaceSlowly(next, timestamp_ms);
  }
  // Whether the slot is where the row before went, with the same timestamp.
  bool IsRecent(const TimeSlot& slot, int64_t timestamp_ms) const {
    return slot == recent_.slot && timestamp_ms == recent_.timestamp_ms;
  }

  int64_t at(const TimeSlot& slot) const {
    return columns_.at(slot.column).at(slot.index);
  }
  // Replaces `timestamps_ms` by those of the slots.
  void Copy(std::span<const SlotRun> slots,
            std::vector<int64_t>& timestamps_ms) const;
  uint32_t size() const { return columns_.size(); }
  int64_t bytes() const {
    return columns_.bytes() + heap_bytes_ +
           static_cast<int64_t>(rows_.capacity() * sizeof(Row));
  }

 private:
  struct Row {
    TimeSlot slot;
    int64_t timestamp_ms = 0;
  };

  // Enough for the targets of a shard's part of a record; 6 KiB.
  static constexpr size_t kRecentRows = 256;

  Placed PlaceSlowly(const TimeSlot& next, int64_t timestamp_ms);
  Placed Use(const TimeSlot& slot, int64_t timestamp_ms);
  Row& RecentAt(int64_t timestamp_ms);
  void Push(uint32_t column, int64_t timestamp_ms);

  Slabs<TimeColumn, 16> columns_;
  int64_t heap_bytes_ = 0;
  // The row before; at first a slot that no series goes to.
  Row recent_ = {{kNoColumn, 1}, 0};
  std::vector<Row> rows_;  // by their timestamps' hashes
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_HEAD_TIME_COLUMNS_H_
