// What is known of a series by the bytes it came with: verdict, slot, route.
//
// The key is a seeded 128-bit hash of tenant and identity bytes (the caller's
// business), so that a hit needs no label decoding; bytes that differ for the
// same labels are just another entry. About 32 + 8 * copies bytes an entry
// and 6 for the index.
//
// Bounded: at `entries_max` entries those not used for the last periods go,
// then all. Entries unused for an hour go in any case.
//
// Threads: all members from any thread; a shard's lock is taken once a batch.
#ifndef VARVE_LIB_INGEST_SERIES_TABLE_H_
#define VARVE_LIB_INGEST_SERIES_TABLE_H_

#include <array>
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
};
inline constexpr size_t kRejections = 12;

struct SeriesEntry {
  bool known = false;
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
  // Keeps entries[i] for each i of `which`.
  void Store(std::span<const base::Hash128> keys,
             std::span<const SeriesEntry> entries,
             std::span<const uint32_t> which);

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
    Rejection rejection;
    uint8_t unused;
    uint32_t period;  // when it was last used
  };
  static_assert(sizeof(Record) == 32);

  // Records, each followed by its copies, node << 48 | ref: one cache line
  // has what a hit needs.
  using Chunk = std::unique_ptr<std::byte[]>;
  struct Shard {
    mutable base::Mutex mutex;
    std::vector<uint32_t> index GUARDED_BY(mutex);  // record + 1; 0 is free
    std::vector<Chunk> chunks GUARDED_BY(mutex);
    size_t size GUARDED_BY(mutex) = 0;
    uint32_t swept GUARDED_BY(mutex) = 0;
    int64_t evictions GUARDED_BY(mutex) = 0;
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
  void Read(Shard& shard, size_t i, uint32_t period, SeriesEntry& entry) const
      REQUIRES_LOCK(shard.mutex);
  void Put(Shard& shard, const base::Hash128& key, const SeriesEntry& entry,
           uint32_t period) REQUIRES_LOCK(shard.mutex);
  void MakeRoom(Shard& shard, uint32_t period) REQUIRES_LOCK(shard.mutex);
  // Keeps the records used in `period_min` or later.
  void Sweep(Shard& shard, uint32_t period_min) REQUIRES_LOCK(shard.mutex);
  void Reindex(Shard& shard, size_t slots) REQUIRES_LOCK(shard.mutex);
  uint32_t Period() const;

  const size_t shard_entries_max_;
  const size_t copies_;
  const size_t record_bytes_;  // with its copies
  const base::Clock& clock_;
  std::array<Shard, kShards> shards_;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_SERIES_TABLE_H_
