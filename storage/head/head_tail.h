// The last minutes of a flushed generation, packed, so that instant queries
// and alerts read no blocks in the minutes after a flush.
//
// Layout:  entries by ascending series id, each of a chunk of values
//          (lib/encoding/sample_chunk.h) and a run of timestamps, which the
//          series of a scrape share. About 50 bytes a series.
// Threads: a builder belongs to one; a tail is read from any.
#ifndef VARVE_STORAGE_HEAD_HEAD_TAIL_H_
#define VARVE_STORAGE_HEAD_HEAD_TAIL_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/hash.h"
#include "lib/encoding/sample_chunk.h"
#include "lib/model/sample.h"
#include "lib/model/time_range.h"

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
    uint64_t at = 0;  // in chunks_: samples and run as varints, sized chunk
  };

  explicit HeadTail(uint64_t generation) : generation_(generation) {}
  // The place of the series' first entry, or where it would be.
  size_t FirstOf(uint64_t series_id) const;
  // Appends all samples of an entry.
  void Decode(const Entry& entry, model::SampleColumns& samples) const;

  uint64_t generation_;
  int64_t max_ms_ = INT64_MIN;
  std::vector<Entry> entries_;
  std::string chunks_;
  std::vector<uint64_t> run_ends_;  // in runs_
  std::string runs_;                // chunks of timestamps
};

// Takes the series of a generation in any order, as the flush comes by them:
// each is decoded once for its block and for the tail.
class HeadTailBuilder {
 public:
  // Of the generation's samples those from `from_ms` on.
  HeadTailBuilder(uint64_t generation, int64_t from_ms, int64_t bytes_max)
      : from_ms_(from_ms), bytes_max_(bytes_max), tail_(generation) {}

  // Passes over what is older. A series may come in several parts. `hints` are
  // the series' own. REQUIRES: sorted.
  void Add(uint64_t series_id, const model::SampleColumns& samples,
           encoding::ValueHints hints = {});
  // Over its bytes: what came after is not in the tail.
  bool over() const { return tail_.bytes() > bytes_max_; }
  int64_t from_ms() const { return from_ms_; }
  // REQUIRES: the last call.
  HeadTail Finish();

 private:
  // Its number.
  uint32_t AddRun(std::span<const int64_t> timestamps_ms);

  int64_t from_ms_;
  int64_t bytes_max_;
  HeadTail tail_;
  base::SecretHash hash_;
  absl::flat_hash_map<base::Hash128, uint32_t> runs_;  // by their timestamps
  std::string chunk_;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_HEAD_HEAD_TAIL_H_
