// The index as a class: what is in memory, what is in RocksDB, and how one
// becomes the other. Its members are defined in index.cc (definitions),
// index_flush.cc, index_forget.cc, index_rebuild.cc and index_read.cc.
//
// New series are in `live_`; a flush moves them whole to `frozen_`, writes
// them, and drops it. Readers pin live_ and frozen_ first and read RocksDB
// second, so that they see a series in transit at least once.
#ifndef VARVE_STORAGE_INDEX_INDEX_IMPL_H_
#define VARVE_STORAGE_INDEX_INDEX_IMPL_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/mutex.h"
#include "storage/index/index.h"
#include "storage/index/index_tables.h"
#include "storage/index/matcher_algebra.h"
#include "storage/index/ram_tenant.h"
#include "storage/index/row_sink.h"

namespace varve::storage {

// What changes in a day's set of active series: first `inactive` go, then
// `active` come. The two have no id in common.
struct DayMarks {
  IdSet active;
  IdSet inactive;
  void ApplyTo(IdSet& ids) const {
    if (!inactive.isEmpty()) ids -= inactive;
    ids |= active;
  }
};
using ActiveMarks = std::map<std::pair<model::TenantId, int32_t>, DayMarks>;

struct RamPart {
  absl::flat_hash_map<model::TenantId, std::unique_ptr<RamTenant>> tenants;
  uint64_t id_max = 0;
  size_t series = 0;

  const RamTenant* Find(const model::TenantId& tenant) const {
    const auto it = tenants.find(tenant);
    return it == tenants.end() ? nullptr : it->second.get();
  }
  RamTenant& Get(const model::TenantId& tenant) {
    std::unique_ptr<RamTenant>& found = tenants[tenant];
    if (found == nullptr) found = std::make_unique<RamTenant>();
    return *found;
  }
};

struct FrozenPart {
  std::shared_ptr<const RamPart> series;
  ActiveMarks marks;
  uint32_t next_metric_id = 0;

  // By key order.
  std::vector<std::pair<model::TenantId, const RamTenant*>> Tenants() const;
};

std::string_view MetricNameOf(std::span<const LabelView> labels);

class IndexImpl final : public Index {
 public:
  IndexImpl(KvDb& db, const IndexOptions& options)
      : tables_(db, options.page_cache_bytes) {}
  absl::Status Load();

  uint64_t ref_epoch() const override { return ref_epoch_.load(); }
  absl::Status RenewRefEpoch() override;
  absl::Status FindOrCreate(std::span<const IndexDefinition> definitions,
                            std::vector<IndexDefined>& defined,
                            const AdmitSeries& admit) override;
  absl::StatusOr<uint64_t> Restore(
      uint64_t id, const IndexDefinition& definition) override;
  void MarkActive(const model::TenantId& tenant, int32_t day,
                  std::span<const uint64_t> ids) override;
  absl::StatusOr<std::vector<int32_t>> ActiveDays(
      const model::TenantId& tenant, const DayRange& days,
      std::span<const uint64_t> ids) const override;
  absl::Status MarkInactive(const model::TenantId& tenant,
                            const DayRange& days,
                            std::span<const uint64_t> ids) override;
  absl::Status Flush() override;
  absl::StatusOr<std::vector<uint64_t>> Select(
      const model::TenantId& tenant, std::span<const model::Matchers> groups,
      const DayRange& days, const base::Alive* alive) const override;
  absl::Status ForEachSeries(
      const model::TenantId& tenant, std::span<const uint64_t> ids,
      const std::function<void(const IndexSeries&)>& fn,
      bool fill_cache = true) const override;
  absl::Status KeepSlots(const model::TenantId& tenant,
                         const model::SlotSet& slots,
                         std::vector<uint64_t>& ids) const override;
  absl::StatusOr<std::vector<std::string>> LabelNames(
      const model::TenantId& tenant, std::span<const model::Matchers> groups,
      const DayRange& days, int64_t limit,
      const base::Alive* alive) const override;
  absl::StatusOr<std::vector<std::string>> LabelValues(
      const model::TenantId& tenant, std::span<const model::Matchers> groups,
      const DayRange& days, std::string_view label, int64_t limit,
      const base::Alive* alive) const override;
  absl::StatusOr<IndexCardinality> CardinalityOf(
      const IndexCountRequest& request) const override;
  absl::StatusOr<std::vector<IndexSlotDigest>> SlotDigests(
      const IndexCountRequest& request) const override;
  absl::StatusOr<std::vector<model::TenantId>> Tenants(
      const DayRange& days) const override;
  absl::Status DropDaysBefore(int32_t first_kept) override;
  absl::StatusOr<std::vector<IndexTenantIds>> FindUnused() const override;
  std::vector<uint64_t> BeginForget(const model::TenantId& tenant,
                                    std::span<const uint64_t> ids) override;
  absl::Status Forget(const model::TenantId& tenant,
                      std::span<const uint64_t> ids) override;
  absl::StatusOr<std::vector<KvLoss>> Rebuild(
      const RebuildCalls& calls) override;
  IndexStats stats() const override;

 private:
  // Positions of definitions that are still to be found or created.
  using Wanted = std::vector<uint32_t>;
  using MetricName = std::pair<model::TenantId, std::string>;
  using MetricIds = absl::flat_hash_map<MetricName, uint32_t>;
  // A definition made ready to be created.
  struct Prepared {
    const IndexDefinition* definition = nullptr;
    std::vector<LabelView> labels;
    uint64_t id = 0;  // 0: the next one
    bool is_new = false;
    IndexDefined defined;
  };

  // Finds in memory; what is not there stays in `wanted`. `generation` is
  // that of what was looked at.
  void FindInRam(std::span<const IndexDefinition> definitions,
                 std::vector<IndexDefined>& defined, Wanted& wanted,
                 uint64_t& generation) const;
  // `lost`: a row that is not there may have been lost to damage.
  absl::Status FindInTables(std::span<const IndexDefinition> definitions,
                            std::vector<IndexDefined>& defined,
                            Wanted& wanted, bool& lost) const;
  // One hash, two label sets: counts it, says so, gives the verdict.
  IndexDefined Collision(const IndexDefinition& definition,
                         std::string_view known) const;
  // Whether `part` has the definition's hash.
  bool FindIn(const RamPart* part, const IndexDefinition& definition,
              IndexDefined& defined) const;
  // What of `wanted` can be created, ready for it; the rest is refused.
  // Several positions may wait for one of `series`.
  using Verdicts = std::vector<std::optional<model::Refusal>>;
  static void AdmitKnown(const AdmitSeries& admit, Verdicts& verdicts,
                         std::vector<IndexDefined>& defined);
  void Prepare(std::span<const IndexDefinition> definitions,
               const AdmitSeries& admit, Verdicts& verdicts,
               std::vector<IndexDefined>& defined, Wanted& wanted,
               std::vector<Prepared>& series) const;
  // Metric ids that memory does not know, from RocksDB.
  absl::Status LoadMetricIds(std::span<const Prepared> series,
                             MetricIds& known);
  absl::Status ReserveIds(uint64_t count);
  // False when a flush changed what FindInRam had looked at.
  absl::StatusOr<bool> Create(std::span<Prepared> series,
                              const MetricIds& known, uint64_t generation);
  uint32_t MetricIdFor(const model::TenantId& tenant, std::string_view name,
                       const MetricIds& known) REQUIRES_LOCK(mutex_);

  absl::Status WritePart(const FrozenPart& part);
  using RamTenants = std::vector<std::pair<model::TenantId, const RamTenant*>>;
  // All rows but pages.
  absl::Status AddSeriesRows(const RamTenants& tenants, uint32_t shard,
                             RowSink& rows) const;
  absl::Status AddPages(const model::TenantId& tenant, const RamTenant& ram,
                        uint64_t flushed_end, RowSink& rows) const;
  absl::Status AddHashes(const model::TenantId& tenant, const RamTenant& ram,
                         RowSink& rows) const;
  absl::Status AddPostings(const model::TenantId& tenant, const RamTenant& ram,
                           uint32_t shard, RowSink& rows) const;
  absl::Status AddNames(const model::TenantId& tenant, const RamTenant& ram,
                        RowSink& rows) const;
  absl::Status AddMetrics(const model::TenantId& tenant, const RamTenant& ram,
                          RowSink& rows) const;
  absl::Status AddMarks(const ActiveMarks& marks, RowSink& rows) const;
  absl::Status FoldShards() const;

  // index_rebuild.cc
  using GoOn = std::function<absl::Status()>;
  absl::StatusOr<std::map<model::TenantId, IdSet>> PagesIds(
      const GoOn& go_on) const;
  absl::StatusOr<std::map<model::TenantId, IdSet>> NamedIds(
      const GoOn& go_on) const;
  absl::StatusOr<std::vector<IndexTenantIds>> RebuildPages(const GoOn& go_on);
  absl::StatusOr<IdSet> PagesFromPostings(const model::TenantId& tenant,
                                          const IdSet& wanted,
                                          const GoOn& go_on);
  absl::Status RebuildFromPages(const GoOn& go_on);
  absl::Status RebuildActive(const DayRange& days, const RebuildCalls& calls);
  absl::Status RewriteMeta();

  // index_forget.cc
  struct Forgetting;
  static void SubtractActive(const model::TenantId& tenant,
                             const ActiveMarks& marks, IdSet& ids);
  absl::Status ForgetPages(const model::TenantId& tenant,
                           std::span<const uint64_t> ids,
                           Forgetting& all) const;
  absl::Status ForgetHashes(Forgetting& all) const;
  absl::Status ForgetPostings(const model::TenantId& tenant,
                              Forgetting& all) const;

  // Moves live_ and marks_ to frozen_, unless an earlier flush failed and
  // left its part there; null when there is nothing to flush.
  std::shared_ptr<const FrozenPart> Freeze();
  DayRange Kept(const DayRange& days) const;
  // Restriction, and to the request's slots.
  absl::StatusOr<std::optional<IdSet>> CountRestriction(
      const IndexCountRequest& request) const;
  // Runs `fn` on each place that has series of the tenant: memory first. No
  // series is in two of them.
  absl::Status ForEachSource(
      const model::TenantId& tenant,
      const std::function<absl::Status(const PostingSource&)>& fn) const;
  // The active series of each of the days, in memory and on disk.
  absl::Status ActiveByDay(const model::TenantId& tenant, const DayRange& days,
                           std::map<int32_t, IdSet>& by_day) const;
  absl::Status AddActive(const model::TenantId& tenant, const DayRange& days,
                         IdSet& ids) const;
  // The ids that match and were active; nothing when that is all of them.
  absl::StatusOr<std::optional<IdSet>> Restriction(
      const model::TenantId& tenant, std::span<const model::Matchers> groups,
      const DayRange& days, const base::Alive* alive) const;

  const IndexTables tables_;
  std::atomic<uint64_t> ref_epoch_{0};
  mutable std::atomic<int64_t> hash_collisions_{0};
  std::atomic<int32_t> first_kept_day_{INT32_MIN};

  // One flush, and one drop of days, at a time.
  base::Mutex flush_mutex_;
  // Kept while the bound of ids is written, so that it only grows.
  base::Mutex reserve_mutex_;

  mutable base::SharedMutex mutex_;
  std::shared_ptr<RamPart> live_ GUARDED_BY(mutex_) =
      std::make_shared<RamPart>();
  std::shared_ptr<const FrozenPart> frozen_ GUARDED_BY(mutex_);
  // Grows when series move: from live to frozen, from frozen to RocksDB.
  uint64_t generation_ GUARDED_BY(mutex_) = 0;
  uint64_t next_id_ GUARDED_BY(mutex_) = 1;
  uint64_t id_bound_ GUARDED_BY(mutex_) = 1;  // durable: ids below are ours
  uint64_t flushed_end_ GUARDED_BY(mutex_) = 0;  // above all flushed ids
  uint64_t series_flushed_ GUARDED_BY(mutex_) = 0;
  uint32_t next_metric_id_ GUARDED_BY(mutex_) = 1;
  uint32_t next_shard_ GUARDED_BY(mutex_) = 0;
  MetricIds metric_cache_ GUARDED_BY(mutex_);
  // On their way out of RocksDB: not found by their hashes any more.
  IdSet dying_ GUARDED_BY(mutex_);

  mutable base::Mutex marks_mutex_;  // taken after mutex_, never before
  ActiveMarks marks_ GUARDED_BY(marks_mutex_);
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_INDEX_INDEX_IMPL_H_
