// The last minutes of a flushed generation, packed, so that instant queries
// and alerts read no blocks in the minutes after a flush.
//
// Layout:  streams as in series_stream.h, one after another by ascending
//          series id, over time columns of their own. About 50 bytes a series.
// Threads: a builder belongs to one; a tail is read from any.
#ifndef VARVE_STORAGE_HEAD_HEAD_TAIL_H_
#define VARVE_STORAGE_HEAD_HEAD_TAIL_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/hash.h"
#include "lib/model/sample.h"
#include "lib/model/time_range.h"
#include "storage/head/series_stream.h"
#include "storage/head/time_columns.h"

namespace varve::storage {

class HeadTail {
 public:
  uint64_t generation() const { return generation_; }
  bool Read(uint64_t series_id, const model::TimeRange& range,
            model::SampleColumns& out) const;
  // Its samples from `from_ms` on.
  HeadTail From(int64_t from_ms) const;
  bool empty() const { return entries_.empty(); }
  int64_t bytes() const;
  // Of its samples; REQUIRES: not empty.
  int64_t max_ms() const { return max_ms_; }

 private:
  friend class HeadTailBuilder;
  struct Entry {
    uint64_t series_id = 0;
    uint32_t first_word = 0;
    uint32_t bits = 0;
  };

  explicit HeadTail(uint64_t generation) : generation_(generation) {}
  // All samples of an entry.
  void Decode(const Entry& entry, model::SampleColumns& samples) const;

  uint64_t generation_;
  int64_t max_ms_ = INT64_MIN;
  std::vector<Entry> entries_;
  std::vector<uint32_t> words_;
  TimeColumns columns_;
};

// Takes the series of a generation in any order, as the flush comes by them:
// each is decoded once for its block and for the tail.
class HeadTailBuilder {
 public:
  // Of the generation's samples those from `from_ms` on.
  HeadTailBuilder(uint64_t generation, int64_t from_ms, int64_t bytes_max)
      : from_ms_(from_ms), bytes_max_(bytes_max), tail_(generation) {}

  // Passes over what is older. A series may come in several parts.
  // REQUIRES: sorted.
  void Add(uint64_t series_id, const model::SampleColumns& samples);
  // Over its bytes: what came after is not in the tail.
  bool over() const { return tail_.bytes() > bytes_max_; }
  int64_t from_ms() const { return from_ms_; }
  // REQUIRES: the last call.
  HeadTail Finish();

 private:
  TimeSlot PlaceRun(std::span<const int64_t> timestamps_ms);

  int64_t from_ms_;
  int64_t bytes_max_;
  HeadTail tail_;
  // Columns by what is in them.
  base::SecretHash hash_;
  absl::flat_hash_map<base::Hash128, uint32_t> columns_;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_HEAD_HEAD_TAIL_H_
