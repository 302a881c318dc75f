// The flushed part of the index: reads of its RocksDB families.
//
// Threads: any thread.
#ifndef VARVE_STORAGE_INDEX_INDEX_TABLES_H_
#define VARVE_STORAGE_INDEX_INDEX_TABLES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/mutex.h"
#include "storage/index/index.h"
#include "storage/index/index_key.h"
#include "storage/index/page_cache.h"
#include "storage/index/posting_source.h"
#include "storage/index/scan_cache.h"
#include "storage/index/slot_table.h"
#include "storage/kv/kv.h"

namespace varve::storage {

// Results of regular expressions kept; one over a million of a tenant's series
// takes up to 2 MB, most take much less.
inline constexpr int64_t kScanCacheBytes = 32 << 20;

// Slots of 15 million series.
inline constexpr int64_t kSlotTableBytes = 32 << 20;

// A pair in more shards than this is folded into one by the next flush.
inline constexpr size_t kShardsMax = 8;

class IndexTables {
 public:
  IndexTables(KvDb& db, int64_t page_cache_bytes);

  KvDb& db() const { return db_; }
  const KvFamilyRef series, hash, post, names, metrics, active, meta;

  // 0 when it was never written.
  absl::StatusOr<uint64_t> Meta(std::string_view name,
                                const KvSnapshotRef& snapshot = nullptr) const;
  static void PutMeta(KvBatch& batch, const KvFamily& meta,
                      std::string_view name, uint64_t value);

  // The page with series `id`; null when there is no such series. `fill_cache`:
  // it is kept for the next one.
  absl::StatusOr<PageCache::PageRef> FindPage(const model::TenantId& tenant,
                                              uint64_t id,
                                              bool fill_cache = true) const;
  // Adds the ids active on the days.
  absl::Status AddActive(const model::TenantId& tenant, const DayRange& days,
                         IdSet& ids) const;
  absl::Status AddActiveByDay(const model::TenantId& tenant,
                              const DayRange& days,
                              std::map<int32_t, IdSet>& by_day) const;

  // Pairs that a reader found in too many shards: (tenant, name, value).
  using PairName = std::pair<model::TenantId,
                             std::pair<std::string, std::string>>;
  void NoteShards(PairName pair) const;
  std::set<PairName> TakeNoted() const;

  PageCache& page_cache() const { return page_cache_; }
  ScanCache& scan_cache() const { return scan_cache_; }
  SlotTable& slot_table() const { return slot_table_; }

 private:
  KvDb& db_;
  mutable PageCache page_cache_;
  mutable ScanCache scan_cache_{kScanCacheBytes};
  mutable SlotTable slot_table_{kSlotTableBytes};
  mutable base::Mutex mutex_;
  mutable std::set<PairName> noted_ GUARDED_BY(mutex_);
};

// One tenant's flushed postings.
class TablePostings final : public PostingSource {
 public:
  // `generation` of the postings in `snapshot`; 0: unknown, keep nothing.
  TablePostings(const IndexTables& tables, const model::TenantId& tenant,
                KvSnapshotRef snapshot = nullptr, uint64_t generation = 0)
      : tables_(tables),
        tenant_(tenant),
        snapshot_(std::move(snapshot)),
        generation_(generation) {}

  absl::Status VisitPair(std::string_view name, std::string_view value,
                         const VisitParts& visit) const override;
  absl::Status VisitValues(std::string_view name, std::string_view prefix,
                           const VisitPostings& visit) const override;
  absl::Status VisitAll(const VisitPostings& visit) const override;
  absl::Status AddNames(std::vector<std::string>& names) const override;
  std::shared_ptr<const IdSet> FindScan(const std::string& scan) const override {
    if (generation_ == 0) return nullptr;
    return tables_.scan_cache().Find({tenant_, scan}, generation_);
  }
  void KeepScan(const std::string& scan,
                std::shared_ptr<const IdSet> ids) const override {
    if (generation_ == 0) return;
    tables_.scan_cache().Put({tenant_, scan}, generation_, std::move(ids));
  }

 private:
  absl::Status Visit(std::string lower, bool with_present,
                     const VisitPostings& visit) const;

  const IndexTables& tables_;
  const model::TenantId tenant_;
  const KvSnapshotRef snapshot_;
  const uint64_t generation_;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_INDEX_INDEX_TABLES_H_
