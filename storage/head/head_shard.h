// The series of one shard of a generation, behind one short lock.
//
// A table of pages of 64 consecutive ids finds a series: ids are made in
// order and scraped in order, so that rows come in runs of one page, which is
// looked for once a run (where a hash table costs a cache miss a row).
//
// Threads: every member from any thread. Read copies a series' bytes and its
//          part of a time column under the lock, and decodes outside.
#ifndef VARVE_STORAGE_HEAD_HEAD_SHARD_H_
#define VARVE_STORAGE_HEAD_HEAD_SHARD_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/mutex.h"
#include "lib/encoding/decimal.h"
#include "lib/model/sample.h"
#include "lib/model/time_range.h"
#include "storage/head/head.h"
#include "storage/head/series_stream.h"
#include "storage/head/slabs.h"
#include "storage/head/time_columns.h"

namespace varve::storage {

// A page lies in one shard whole.
inline constexpr uint64_t kPageIds = 64;

// Neighbours in a HeadRows whose ids are of one page.
struct PageRun {
  uint64_t page = 0;
  uint32_t begin = 0;  // series [begin, end)
  uint32_t end = 0;
  uint32_t first_row = 0;
};

struct HeadDeleteResult {
  int64_t samples = 0;
  int64_t late = 0;  // of them
};

class HeadShard {
 public:
  // Adds to `result`, but for late_full.
  void Append(const HeadRows& rows, std::span<const PageRun> mine,
              int64_t late_per_series_max, HeadAppendResult& result);
  // Adds to `result`.
  void Delete(uint64_t series_id, const model::TimeRange& range,
              HeadDeleteResult& result);
  bool Read(uint64_t series_id, const model::TimeRange& range,
            model::SampleColumns& out) const;
  // Brings what Read needs of these series into the processor's cache.
  void Prefetch(std::span<const uint64_t> series_ids) const;
  void AppendSeriesIds(std::vector<uint64_t>& ids) const;
  // Adds to `stats`.
  void AddStats(HeadStats& stats) const;

 private:
  // Number of a series within the shard, plus one; 0: not here.
  using Page = std::array<uint32_t, kPageIds>;

  // What the rows of one append share.
  struct Batch {
    int64_t late_per_series_max = 0;
    HeadAppendResult& result;
    std::optional<int64_t> timestamp_ms;  // of the row before, and
    int32_t day = 0;                      // its day
    int64_t duplicates = 0;
  };

  Page& PageAt(uint64_t number) REQUIRES_LOCK(mutex_);
  static constexpr uint32_t kAbsent = UINT32_MAX;
  uint32_t Find(uint64_t series_id) const REQUIRES_LOCK(mutex_);
  // A search reads series in the order they came: what the next one's copy
  // will wait for gets on its way while this one is decoded.
  void FetchAfter(uint32_t series) const REQUIRES_LOCK(mutex_);
  void NextTimestamp(int64_t timestamp_ms, Batch& batch) REQUIRES_LOCK(mutex_);
  // A row that does not simply follow its series' last one at the batch's
  // timestamp and day.
  void AppendElsewhere(uint32_t series, uint64_t series_id,
                       int64_t timestamp_ms, const encoding::ScaledValue& value,
                       Batch& batch) REQUIRES_LOCK(mutex_);
  void AppendLate(uint32_t series, model::Sample sample, Batch& batch)
      REQUIRES_LOCK(mutex_);

  // How many samples of the stream, of the late buffer, are removed.
  int64_t DeleteInOrder(uint32_t series, const model::TimeRange& range)
      REQUIRES_LOCK(mutex_);
  int64_t DeleteLate(uint32_t series, const model::TimeRange& range)
      REQUIRES_LOCK(mutex_);

  mutable base::Mutex mutex_;
  absl::flat_hash_map<uint64_t, uint32_t> pages_by_number_ GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Page>> pages_ GUARDED_BY(mutex_);
  Slabs<StreamState, 64> states_ GUARDED_BY(mutex_);
  BlockArena arena_ GUARDED_BY(mutex_);
  TimeColumns columns_ GUARDED_BY(mutex_);
  absl::flat_hash_map<uint32_t, std::vector<model::Sample>> late_
      GUARDED_BY(mutex_);
  HeadStats stats_ GUARDED_BY(mutex_);
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_HEAD_HEAD_SHARD_H_
