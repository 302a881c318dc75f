// What is known of a series by the bytes it came with: verdict, slot, route.
//
// The key is a seeded 128-bit hash of tenant and identity bytes (the caller's
// business), so that a hit needs no label decoding; bytes that differ for the
// same labels are just another entry. About 32 + 8 * copies bytes an entry
// and 6 for the index.
//
// Bounded: at `entries_max` entries those not used for the last periods go,
// then all. Entries unused for an hour go in any case. Of those entries an
// eighth may be verdicts against series; more are not kept.
//
// It also knows how many active series an owner (a tenant, by a small number)
// has: entries that hold a place of that owner, from Reserve until they go.
//
// Threads: all members from any thread; a shard's lock is taken once a batch.
#ifndef VARVE_LIB_INGEST_SERIES_TABLE_H_
#define VARVE_LIB_INGEST_SERIES_TABLE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/base/mutex.h"
#include "lib/cluster/writer_view.h"

namespace varve::ingest {

// Why a series is not stored; kNone for one that is.
enum class Rejection : uint8_t {
  kNone = 0,
  kTooManyLabels,
  kTooLongLabelName,
  kTooLongLabelValue,
  kInvalidUtf8,
  kDuplicateLabelName,
  kEmptyLabelName,
  kNoLabels,
  kNativeHistogram,     // a storage node that is up stores none
  kTooLargeSeries,
  kBadNativeHistogram,  // of the rows, not of the series
  kTooManyActiveSeries,
  kDroppedByRelabeling,  // as the operator wants it; no error
  kTooLargeRelabeled,
};
inline constexpr size_t kRejections = 14;

// Owners have numbers from 1; 0 is nobody, of whom nothing is counted.
inline constexpr size_t kSeriesOwnersMax = 1 << 14;

struct SeriesEntry {
  bool known = false;
  // Holds a place of `owner` that no entry of the table has yet.
  bool reserved = false;
  uint16_t owner = 0;
  Rejection rejection = Rejection::kNone;
  uint16_t slot = 0;
  cluster::SeriesRoute route;
};

class SeriesTable {
 public:
  // `copies` is the most copies a route of this process has.
  SeriesTable(size_t entries_max, size_t copies,
              const base::Clock& clock = base::SystemClock());

  // entries[i] is what is known of keys[i].
  void Lookup(std::span<const base::Hash128> keys,
              std::span<SeriesEntry> entries);
  // Another one after every Forget. Who reads it before the limits and rules
  // that a verdict is by, and gives it to Store, keeps none by old ones.
  uint64_t epoch() const { return epoch_.load(); }
  // Keeps entries[i] for each i of `which`; of an older epoch it keeps none,
  // and places reserved are given back.
  void Store(uint64_t epoch, std::span<const base::Hash128> keys,
             std::span<const SeriesEntry> entries,
             std::span<const uint32_t> which);

  // A place among the owner's active series; false when it has `series_max`
  // of them already (0: no limit). A place reserved is given to Store with
  // its entry, or back.
  bool Reserve(uint16_t owner, int64_t series_max);
  void Release(uint16_t owner);
  int64_t active(uint16_t owner) const { return active_[owner].load(); }

  // Drops the entries unused for an hour; looks for them once a period.
  void DropUnused();
  // Drops the entries of the owner, of all owners for 0.
  void Forget(uint16_t owner);

  size_t size() const;
  size_t bytes() const;
  int64_t evictions() const;

 private:
  static constexpr size_t kShards = 16;
  static constexpr size_t kChunk = 1024;

  struct Record {
    base::Hash128 key;
    uint32_t generation;
    uint32_t detour;
    uint16_t slot;
    uint16_t owner;
    uint16_t period;  // when it was last used, modulo 2^16
    Rejection rejection;
    uint8_t unused;
  };
  static_assert(sizeof(Record) == 32);

  // Records, each followed by its copies, lane << 48 | ref: one cache line
  // has what a hit needs.
  using Chunk = std::unique_ptr<std::byte[]>;
  struct Shard {
    mutable base::Mutex mutex;
    std::vector<uint32_t> index GUARDED_BY(mutex);  // record + 1; 0 is free
    std::vector<Chunk> chunks GUARDED_BY(mutex);
    size_t size GUARDED_BY(mutex) = 0;
    uint16_t swept GUARDED_BY(mutex) = 0;
    int64_t evictions GUARDED_BY(mutex) = 0;
    // Records with a rejection.
    size_t rejected GUARDED_BY(mutex) = 0;
  };

  static size_t ShardOf(const base::Hash128& key) { return key.high % kShards; }
  std::byte* BytesAt(Shard& shard, size_t i) const REQUIRES_LOCK(shard.mutex) {
    return shard.chunks[i / kChunk].get() + (i % kChunk) * record_bytes_;
  }
  Record& RecordAt(Shard& shard, size_t i) const REQUIRES_LOCK(shard.mutex) {
    return *reinterpret_cast<Record*>(BytesAt(shard, i));
  }
  uint64_t* CopiesAt(Shard& shard, size_t i) const REQUIRES_LOCK(shard.mutex) {
    return reinterpret_cast<uint64_t*>(BytesAt(shard, i) + sizeof(Record));
  }
  // The record with `key`, or a free place of the index.
  uint32_t* Find(Shard& shard, const base::Hash128& key) const
      REQUIRES_LOCK(shard.mutex);
  void Read(Shard& shard, size_t i, uint16_t period, SeriesEntry& entry) const
      REQUIRES_LOCK(shard.mutex);
  void Put(Shard& shard, const base::Hash128& key, const SeriesEntry& entry,
           uint16_t period) REQUIRES_LOCK(shard.mutex);
  // False when there is none for one more rejected series.
  bool MakeRoom(Shard& shard, uint16_t period, bool rejected)
      REQUIRES_LOCK(shard.mutex);
  // Keeps the records for which `keep` holds.
  template <typename Keep>
  void Sweep(Shard& shard, const Keep& keep) REQUIRES_LOCK(shard.mutex);
  // Keeps those used in the last `periods`, the one of now included.
  void SweepUnused(Shard& shard, uint16_t period, uint16_t periods)
      REQUIRES_LOCK(shard.mutex);
  void Reindex(Shard& shard, size_t slots) REQUIRES_LOCK(shard.mutex);
  uint16_t Period() const;

  const size_t shard_entries_max_;
  const size_t copies_;
  const size_t record_bytes_;  // with its copies
  const base::Clock& clock_;
  const std::unique_ptr<std::atomic<int64_t>[]> active_;  // by owner
  std::atomic<uint64_t> epoch_{0};
  std::array<Shard, kShards> shards_;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_SERIES_TABLE_H_
