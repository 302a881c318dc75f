// Recent samples in memory, compressed as they arrive, until a flush has
// written them to blocks.
//
// In:      rows of series by their persistent ids, which are unique on the
//          node (no two tenants share one). Any float64 bits; timestamps in
//          any order. A row whose timestamp and value bits equal the series'
//          last row is dropped: retries and log replay repeat rows.
// Out:     samples as columns, in no promised order and perhaps twice: callers
//          run model::SortAndDedup once over head and blocks together.
// Layout:  shards by id, each with a short lock; per series 48 bytes of state
//          and a chain of 48-byte blocks (series_stream.h), timestamps in
//          columns that series share (time_columns.h).
// Tails:   after a flush the generation's last minutes stay, packed by the
//          flush (head_tail.h): a view may cover a recent range wholly.
// Late:    rows older than the series' last go to a plain late buffer. A buffer
//          at its bound asks for an early flush; nothing is refused or dropped.
// Threads: every member from any thread, but for Append, Delete and Cut at one
//          time: the caller keeps a cut and a delete between two log records.
//          Samples are visible to a View taken after their Append returned.
// Cost:    about 15 ns a row in scrape order; Cut and View take no data locks.
#ifndef VARVE_STORAGE_HEAD_HEAD_H_
#define VARVE_STORAGE_HEAD_HEAD_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/encoding/decimal.h"
#include "lib/model/sample.h"
#include "lib/model/time_range.h"
#include "storage/head/head_tail.h"

namespace varve::storage {

class HeadShard;
class HeadTails;
struct PageRun;

struct HeadOptions {
  // Rounded up to a power of two; 0: from the usable CPUs.
  int shards = 0;
  // 16 bytes each. A late buffer this long is better off as a segment.
  int64_t late_samples_per_series_max = 4096;
  // Of the whole generation: 64 MiB of late samples.
  int64_t late_samples_max = 4 << 20;
  // Of the tails of flushed generations. 0: none are kept.
  int64_t tail_bytes_max = 64 << 20;
};

// Columns as lib/encoding's FloatSection has them: series i has counts[i] rows
// (0 is fine), and rows of all series follow one another.
struct HeadRows {
  std::span<const uint64_t> series_ids;
  std::span<const uint32_t> counts;
  std::span<const int64_t> timestamps_ms;
  std::span<const encoding::ScaledValue> values;
};

struct SeriesDay {
  uint64_t series_id = 0;
  int32_t day = 0;  // model::DayOf
  friend bool operator==(const SeriesDay&, const SeriesDay&) = default;
};

struct HeadAppendResult {
  int64_t stored = 0;      // late ones included
  int64_t duplicates = 0;  // dropped: equal to the series' last row
  int64_t late = 0;
  // A late bound is reached, of a series or of the generation: flush soon.
  bool late_series_full = false;
  bool late_full = false;
  // Every (series, day) of the stored rows that is new to the active
  // generation; a pair may be told more than once when days alternate.
  std::vector<SeriesDay> opened_days;
};

struct HeadStats {
  int64_t series = 0;
  int64_t samples = 0;
  int64_t late_samples = 0;
  int64_t bytes = 0;  // with tail_bytes
  int64_t tail_bytes = 0;
  int64_t time_columns = 0;
  // INT64_MAX and INT64_MIN when there is no sample.
  int64_t min_ms = INT64_MAX;
  int64_t max_ms = INT64_MIN;
};

// The samples between two cuts. Active until cut, then frozen: nothing is
// added any more, so that reads need no patience.
class HeadGeneration {
 public:
  HeadGeneration(uint64_t number, const HeadOptions& options);
  ~HeadGeneration();
  HeadGeneration(const HeadGeneration&) = delete;
  HeadGeneration& operator=(const HeadGeneration&) = delete;

  uint64_t number() const { return number_; }

  // Ascending; callers sort them by their own keys.
  std::vector<uint64_t> SeriesIds() const;
  // Appends the series' samples inside `range` to `out`: first the ones that
  // arrived in order, then late ones. False when the series is not here.
  bool Read(uint64_t series_id, const model::TimeRange& range,
            model::SampleColumns& out) const;
  // Makes the Reads of these series faster when they come next: some hundreds
  // of them fit a cache.
  void Prefetch(std::span<const uint64_t> series_ids) const;
  HeadStats Stats() const;

 private:
  friend class Head;
  void FindRuns(const HeadRows& rows,
                std::vector<std::vector<PageRun>>& runs_of_shard) const;
  // The rows of every `parts`-th shard, from `part` on.
  void Append(const HeadRows& rows, size_t part, size_t parts,
              HeadAppendResult& result);
  int64_t Delete(std::span<const uint64_t> series_ids,
                 const model::TimeRange& range);
  size_t ShardOf(uint64_t series_id) const;

  const uint64_t number_;
  const HeadOptions options_;
  std::vector<std::unique_ptr<HeadShard>> shards_;
  std::atomic<int64_t> late_samples_{0};
};

// Where the samples of a generation begin in columns that were read.
struct HeadRun {
  uint64_t generation = 0;
  size_t from = 0;
};

// What was in memory when it was taken, oldest first; it stays readable for as
// long as the view lives, dropped or not.
class HeadView {
 public:
  // As HeadGeneration::Read, over all generations.
  bool Read(uint64_t series_id, const model::TimeRange& range,
            model::SampleColumns& out) const;
  // The same, and tells of each generation that has the series where its
  // samples begin; what `runs` held before is dropped.
  bool Read(uint64_t series_id, const model::TimeRange& range,
            model::SampleColumns& out, std::vector<HeadRun>& runs) const;
  // All series of the generations, ascending, without repeats.
  std::vector<uint64_t> SeriesIds() const;
  // True: every sample from the view's start on is here, none only in blocks.
  bool covers() const { return covers_; }

 private:
  friend class Head;
  template <typename Fn>
  bool ReadEach(uint64_t series_id, const model::TimeRange& range,
                model::SampleColumns& out, const Fn& before) const;

  bool covers_ = false;
  std::vector<std::shared_ptr<const HeadTail>> tails_;
  std::vector<std::shared_ptr<const HeadGeneration>> generations_;
};

class Head {
 public:
  // Generations count up from `first_generation`; segments carry the number,
  // so a restarted engine goes on above the last one it has written.
  // Samples before `complete_from_ms` may be in blocks: INT64_MIN, none are.
  explicit Head(const HeadOptions& options, uint64_t first_generation = 1,
                int64_t complete_from_ms = INT64_MIN);
  ~Head();

  // REQUIRES: the columns' sizes agree; no Cut meanwhile.
  HeadAppendResult Append(const HeadRows& rows);

  // Appends the rows whose shard is `part` modulo `parts`, so that `parts`
  // threads share a record: each calls it for every record in log order.
  // REQUIRES: part < parts, and as for Append.
  HeadAppendResult AppendPart(const HeadRows& rows, size_t part, size_t parts);

  // Removes the samples of these series in `range` from the active generation,
  // late ones too, and returns how many. Frozen generations are left alone.
  // The cost is a decode and an append of each series that is touched.
  // REQUIRES: no Append and no Cut meanwhile.
  int64_t Delete(std::span<const uint64_t> series_ids,
                 const model::TimeRange& range);

  // For reads from `start_ms` on: where the head has all of them, tails too,
  // the view covers them; else it has the generations only, as blocks have what
  // tails have.
  HeadView View(int64_t start_ms = INT64_MIN) const;

  // Freezes the active generation, still part of every View, and starts the
  // next. The caller flushes what it returns and then drops it.
  std::shared_ptr<const HeadGeneration> Cut();
  // For the samples of a frozen generation from `from_ms` on.
  HeadTailBuilder NewTail(const HeadGeneration& generation,
                          int64_t from_ms) const;
  // Forgets a frozen generation but for its tail, which stays readable until a
  // later call. REQUIRES: its samples are in blocks that every later reader
  // sees, those from the tail's first time on in the tail; one call at a time.
  void Drop(uint64_t number, HeadTailBuilder tail);
  // Without a tail.
  void Drop(uint64_t number);
  // Blocks have got samples up to this time that were never in this head, such
  // as other kinds': views of earlier starts do not cover.
  void NeedBlocksUntil(int64_t timestamp_ms);

  uint64_t active_generation() const;
  // Over all live generations. A series in two of them counts twice.
  HeadStats Stats() const;
  HeadStats ActiveStats() const;

 private:
  std::shared_ptr<HeadGeneration> Active() const;

  const HeadOptions options_;
  mutable base::Mutex mutex_;
  // Oldest first; the last one is active. Never empty.
  std::vector<std::shared_ptr<HeadGeneration>> generations_ GUARDED_BY(mutex_);
  std::unique_ptr<HeadTails> tails_ GUARDED_BY(mutex_);
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_HEAD_HEAD_H_
