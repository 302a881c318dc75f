#include "lib/ingest/series_table.h"

#include <algorithm>
#include <bit>

namespace varve::ingest {
namespace {

constexpr int64_t kPeriodMs = 600'000;
constexpr uint16_t kPeriodsKept = 6;  // an hour, as churned series fade out
constexpr size_t kIndexMin = 64;
// The part of a shard that rejected series may take: what a tenant may not
// store shall not push out what others do.
constexpr size_t kRejectedShare = 8;

// How far ahead a batch's cache lines are asked for.
constexpr size_t kIndexAhead = 48;
constexpr size_t kRecordAhead = 24;

constexpr int kRefBits = 48;
constexpr uint64_t kRefMask = (uint64_t{1} << kRefBits) - 1;

uint64_t Pack(uint16_t lane, uint64_t ref) {
  // A reference over 48 bits is not kept: it is asked for again. Storage ids
  // count from 0.
  return uint64_t{lane} << kRefBits | std::min(ref, kRefMask);
}

}  // namespace

SeriesTable::SeriesTable(size_t entries_max, size_t copies,
                         const base::Clock& clock)
    : shard_entries_max_(std::max<size_t>(entries_max / kShards, 16)),
      copies_(std::clamp<size_t>(copies, 1, cluster::kReplicationFactorMax)),
      record_bytes_(sizeof(Record) + copies_ * sizeof(uint64_t)),
      clock_(clock),
      active_(std::make_unique<std::atomic<int64_t>[]>(kSeriesOwnersMax)) {
  for (Shard& shard : shards_) {
    base::MutexLock lock(shard.mutex);
    shard.index.resize(kIndexMin);
    shard.swept = Period();
  }
}

uint16_t SeriesTable::Period() const {
  return static_cast<uint16_t>(clock_.SteadyMs() / kPeriodMs);
}

bool SeriesTable::Reserve(uint16_t owner, int64_t series_max) {
  std::atomic<int64_t>& active = active_[owner];
  int64_t now = active.load(std::memory_order_relaxed);
  do {
    if (series_max > 0 && now >= series_max) return false;
  } while (!active.compare_exchange_weak(now, now + 1,
                                         std::memory_order_relaxed));
  return true;
}

void SeriesTable::Release(uint16_t owner) {
  active_[owner].fetch_sub(1, std::memory_order_relaxed);
}

uint32_t* SeriesTable::Find(Shard& shard, const base::Hash128& key) const {
  const size_t mask = shard.index.size() - 1;
  for (size_t i = key.low & mask;; i = (i + 1) & mask) {
    uint32_t& place = shard.index[i];
    if (place == 0 || RecordAt(shard, place - 1).key == key) return &place;
  }
}

void SeriesTable::Read(Shard& shard, size_t i, uint16_t period,
                       SeriesEntry& entry) const {
  Record& record = RecordAt(shard, i);
  record.period = period;
  entry.known = true;
  entry.rejection = record.rejection;
  entry.owner = record.owner;
  entry.slot = record.slot;
  entry.route.generation = record.generation;
  entry.route.detour = record.detour;
  const uint64_t* const packed = CopiesAt(shard, i);
  for (size_t k = 0; k < copies_; ++k) {
    entry.route.lanes[k] = static_cast<uint16_t>(packed[k] >> kRefBits);
    const uint64_t ref = packed[k] & kRefMask;
    entry.route.refs[k] = ref == kRefMask ? cluster::kNoRef : ref;
  }
}

void SeriesTable::Lookup(std::span<const base::Hash128> keys,
                         std::span<SeriesEntry> entries) {
  // Grouped by shard, so that each lock is taken once.
  std::array<uint32_t, kShards + 1> begin{};
  for (const base::Hash128& key : keys) ++begin[ShardOf(key) + 1];
  for (size_t s = 0; s < kShards; ++s) begin[s + 1] += begin[s];
  std::vector<uint32_t> order(keys.size());
  std::array<uint32_t, kShards> next{};
  std::copy_n(begin.begin(), kShards, next.begin());
  for (uint32_t i = 0; i < keys.size(); ++i) {
    order[next[ShardOf(keys[i])]++] = i;
  }
  const uint16_t period = Period();
  for (size_t s = 0; s < kShards; ++s) {
    if (begin[s] == begin[s + 1]) continue;
    Shard& shard = shards_[s];
    base::MutexLock lock(shard.mutex);
    const size_t mask = shard.index.size() - 1;
    for (uint32_t o = begin[s]; o < begin[s + 1]; ++o) {
      // The index and the records miss the cache; fetched ahead by two steps,
      // neither waits for memory.
      if (o + kIndexAhead < begin[s + 1]) {
        const base::Hash128& key = keys[order[o + kIndexAhead]];
        __builtin_prefetch(&shard.index[key.low & mask]);
      }
      if (o + kRecordAhead < begin[s + 1]) {
        const uint32_t ahead =
            shard.index[keys[order[o + kRecordAhead]].low & mask];
        if (ahead != 0) __builtin_prefetch(&RecordAt(shard, ahead - 1));
      }
      const uint32_t place = *Find(shard, keys[order[o]]);
      if (place != 0) Read(shard, place - 1, period, entries[order[o]]);
    }
  }
}

void SeriesTable::Store(uint64_t epoch, std::span<const base::Hash128> keys,
                        std::span<const SeriesEntry> entries,
                        std::span<const uint32_t> which) {
  const uint16_t period = Period();
  for (size_t s = 0; s < kShards; ++s) {
    Shard& shard = shards_[s];
    base::MutexLock lock(shard.mutex);
    // A Forget that begins now finds what is put here.
    const bool outdated = epoch != epoch_.load();
    for (uint32_t i : which) {
      if (ShardOf(keys[i]) != s) continue;
      if (!outdated) {
        Put(shard, keys[i], entries[i], period);
      } else if (entries[i].reserved) {
        Release(entries[i].owner);
      }
    }
  }
}

void SeriesTable::Put(Shard& shard, const base::Hash128& key,
                      const SeriesEntry& entry, uint16_t period) {
  const bool rejected = entry.rejection != Rejection::kNone;
  uint32_t* place = Find(shard, key);
  if (*place == 0) {
    if (!MakeRoom(shard, period, rejected)) return;  // holds no place
    place = Find(shard, key);
    if (shard.size == shard.chunks.size() * kChunk) {
      shard.chunks.push_back(
          std::make_unique<std::byte[]>(kChunk * record_bytes_));
    }
    *place = static_cast<uint32_t>(++shard.size);
    RecordAt(shard, *place - 1) = {};
    RecordAt(shard, *place - 1).key = key;
  }
  Record& record = RecordAt(shard, *place - 1);
  if (entry.reserved) {
    // Another request may have brought the series meanwhile.
    if (record.owner != 0) Release(record.owner);
    record.owner = entry.owner;
  } else if (record.owner == 0 && entry.owner != 0) {
    // Its record, and the place with it, went after it was looked up.
    (void)Reserve(entry.owner, 0);
    record.owner = entry.owner;
  }
  if (record.rejection != Rejection::kNone) --shard.rejected;
  if (rejected) ++shard.rejected;
  record.generation = entry.route.generation;
  record.detour = entry.route.detour;
  record.slot = entry.slot;
  record.rejection = entry.rejection;
  record.period = period;
  uint64_t* const packed = CopiesAt(shard, *place - 1);
  for (size_t k = 0; k < copies_; ++k) {
    packed[k] = Pack(entry.route.lanes[k], entry.route.refs[k]);
  }
}

bool SeriesTable::MakeRoom(Shard& shard, uint16_t period, bool rejected) {
  if (period != shard.swept) SweepUnused(shard, period, kPeriodsKept);
  if (rejected && shard.rejected >= shard_entries_max_ / kRejectedShare) {
    return false;
  }
  if (shard.size >= shard_entries_max_) {
    SweepUnused(shard, period, 1);
    // All in use: start anew rather than sweep at every insertion.
    if (shard.size > shard_entries_max_ / 4 * 3) SweepUnused(shard, period, 0);
  }
  if ((shard.size + 1) * 4 > shard.index.size() * 3) {
    Reindex(shard, shard.index.size() * 2);
  }
  return true;
}

void SeriesTable::SweepUnused(Shard& shard, uint16_t period,
                              uint16_t periods) {
  Sweep(shard, [period, periods](const Record& record) {
    return static_cast<uint16_t>(period - record.period) < periods;
  });
  shard.swept = period;
}

template <typename Keep>
void SeriesTable::Sweep(Shard& shard, const Keep& keep) {
  size_t kept = 0;
  for (size_t i = 0; i < shard.size; ++i) {
    const Record& record = RecordAt(shard, i);
    if (!keep(record)) {
      if (record.owner != 0) Release(record.owner);
      if (record.rejection != Rejection::kNone) --shard.rejected;
      continue;
    }
    if (kept != i) {
      RecordAt(shard, kept) = record;
      std::copy_n(CopiesAt(shard, i), copies_, CopiesAt(shard, kept));
    }
    ++kept;
  }
  if (kept == shard.size) return;
  shard.evictions += static_cast<int64_t>(shard.size - kept);
  shard.size = kept;
  shard.chunks.resize((kept + kChunk - 1) / kChunk);
  Reindex(shard, std::max(kIndexMin, std::bit_ceil(kept * 2)));
}

void SeriesTable::DropUnused() {
  const uint16_t period = Period();
  for (Shard& shard : shards_) {
    base::MutexLock lock(shard.mutex);
    if (period != shard.swept) SweepUnused(shard, period, kPeriodsKept);
  }
}

void SeriesTable::Forget(uint16_t owner) {
  ++epoch_;
  for (Shard& shard : shards_) {
    base::MutexLock lock(shard.mutex);
    Sweep(shard, [owner](const Record& record) {
      return owner != 0 && record.owner != owner;
    });
  }
}

void SeriesTable::Reindex(Shard& shard, size_t slots) {
  shard.index.assign(slots, 0);
  shard.index.shrink_to_fit();
  for (size_t i = 0; i < shard.size; ++i) {
    *Find(shard, RecordAt(shard, i).key) = static_cast<uint32_t>(i + 1);
  }
}

size_t SeriesTable::size() const {
  size_t n = 0;
  for (const Shard& shard : shards_) {
    base::MutexLock lock(shard.mutex);
    n += shard.size;
  }
  return n;
}

size_t SeriesTable::bytes() const {
  size_t n = 0;
  for (const Shard& shard : shards_) {
    base::MutexLock lock(shard.mutex);
    n += shard.index.size() * sizeof(uint32_t) +
         shard.chunks.size() * kChunk * record_bytes_;
  }
  return n;
}

int64_t SeriesTable::evictions() const {
  int64_t n = 0;
  for (const Shard& shard : shards_) {
    base::MutexLock lock(shard.mutex);
    n += shard.evictions;
  }
  return n;
}

}  // namespace varve::ingest
