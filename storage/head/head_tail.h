// The last minutes of a flushed generation, packed, so that instant queries
// and alerts read no blocks in the minutes after a flush.
//
// Layout:  streams as in series_stream.h, one after another by ascending
//          series id, over time columns of their own. About 50 bytes a series.
// Threads: immutable once built; reads from any thread.
#ifndef VARVE_STORAGE_HEAD_HEAD_TAIL_H_
#define VARVE_STORAGE_HEAD_HEAD_TAIL_H_

#include <cstdint>
#include <vector>

#include "lib/model/sample.h"
#include "lib/model/time_range.h"
#include "storage/head/series_stream.h"
#include "storage/head/time_columns.h"

namespace varve::storage {

class HeadTail {
 public:
  // Of the generation of this number.
  explicit HeadTail(uint64_t generation) : generation_(generation) {}

  // REQUIRES: series ids ascend over calls; samples sorted and not empty.
  void Add(uint64_t series_id, const model::SampleColumns& samples);

  uint64_t generation() const { return generation_; }
  bool Read(uint64_t series_id, const model::TimeRange& range,
            model::SampleColumns& out) const;
  // Its samples from `from_ms` on.
  HeadTail From(int64_t from_ms) const;

  bool empty() const { return entries_.empty(); }
  int64_t series() const { return static_cast<int64_t>(entries_.size()); }
  int64_t bytes() const;
  // Of its samples; REQUIRES: not empty.
  int64_t max_ms() const { return max_ms_; }

 private:
  struct Entry {
    uint64_t series_id = 0;
    uint32_t first_word = 0;
    uint32_t bits = 0;
  };

  // All samples of an entry.
  void Decode(const Entry& entry, model::SampleColumns& samples) const;

  uint64_t generation_;
  int64_t max_ms_ = INT64_MIN;
  std::vector<Entry> entries_;
  std::vector<uint32_t> words_;
  TimeColumns columns_;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_HEAD_HEAD_TAIL_H_
