// Which series were written in the present hour and day, and since the log's
// last cut: what -storage.maxHourlySeries and its like are held against, and
// what keeps a series from being forgotten while the log may name it.
//
// Exact sets of ids: a page of 4,096 neighbouring ids takes 512 bytes while
// any of them is in, so ids in creation order cost about a bit each and set.
//
// Hours and days are those of the clock at arrival, not of the samples.
//
// A refusal is the answer to DEFINE and nothing else: rows of a series that
// has a ref are taken and counted, so that copies at several nodes agree.
//
// Threads: all members from any thread; AdmitNew to DropReserved by one at a
//          time.
// Cost:    below 1 ns for an id that is in already and follows its neighbour.
#ifndef VARVE_STORAGE_ENGINE_ACTIVE_SERIES_H_
#define VARVE_STORAGE_ENGINE_ACTIVE_SERIES_H_

#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/mutex.h"
#include "lib/model/refusal.h"
#include "lib/model/tenant.h"

namespace varve::storage {

// Distinct series that may be active; 0: no limit and no count, -1: counted
// without a limit.
struct SeriesLimits {
  int64_t hourly = 0;
  int64_t daily = 0;
  int64_t hourly_per_tenant = 0;
  int64_t daily_per_tenant = 0;
  bool counts_days() const { return daily != 0 || daily_per_tenant != 0; }
};

// A set of ids in pages that come with their first id and go all together.
class IdPages {
 public:
  // Ids 64 * word + i for the bits i of `bits`; returns those that are new.
  uint64_t AddWord(uint64_t word, uint64_t bits) {
    const uint64_t page = word / kPageWords;
    if (page >= pages_.size()) pages_.resize(page + page / 2 + 1);
    if (pages_[page] == nullptr) pages_[page] = std::make_unique<Page>();
    uint64_t& known = (*pages_[page])[word % kPageWords];
    const uint64_t fresh = bits & ~known;
    known |= fresh;
    count_ += std::popcount(fresh);
    return fresh;
  }
  bool Has(uint64_t id) const {
    const uint64_t page = id / kPageIds;
    return page < pages_.size() && pages_[page] != nullptr &&
           ((*pages_[page])[id % kPageIds / 64] >> id % 64 & 1) != 0;
  }
  void Clear() {
    pages_.clear();
    count_ = 0;
  }
  int64_t count() const { return count_; }

 private:
  static constexpr uint64_t kPageIds = 4096;
  static constexpr uint64_t kPageWords = kPageIds / 64;
  using Page = std::array<uint64_t, kPageWords>;
  std::vector<std::unique_ptr<Page>> pages_;
  int64_t count_ = 0;
};

class ActiveSeries {
 public:
  explicit ActiveSeries(const SeriesLimits& limits) : limits_(limits) {}

  // Rows of the tenant's `ids` arrived. All of `ids` are known.
  void MarkWritten(const model::TenantId& tenant, int64_t now_ms,
                   std::span<const uint64_t> ids);
  // As rows in a replay: in the log, but of no hour.
  void MarkUsed(std::span<const uint64_t> ids);

  // Whether a series that has no id yet may be created. It counts until
  // DropReserved, from when on MarkWritten counts what was created.
  model::Refusal AdmitNew(const model::TenantId& tenant, int64_t now_ms);
  // Whether a series with an id may be defined; it counts from now on.
  model::Refusal AdmitKnown(const model::TenantId& tenant, int64_t now_ms,
                            uint64_t id);
  void DropReserved();

  // Rows that were not stored for a refusal.
  void CountDropped(model::Refusal why, int64_t rows);

  // A cut of the log is made now; EndCut when what is before it can not be
  // replayed any more.
  void BeginCut();
  void EndCut();
  // Written, defined or replayed behind the last cut that has ended.
  bool UsedSinceCut(uint64_t id) const;

  // Distinct series in the hour or day of `now_ms`.
  int64_t in_hour(int64_t now_ms) const;
  int64_t in_day(int64_t now_ms) const;
  int64_t dropped(model::Refusal why) const;

 private:
  // An hour or a day.
  struct Span {
    int64_t number = INT64_MIN;
    IdPages ids;
    int64_t reserved = 0;
    absl::flat_hash_map<model::TenantId, int64_t> by_tenant;
    absl::flat_hash_map<model::TenantId, int64_t> reserved_by_tenant;
  };

  void Roll(int64_t now_ms) REQUIRES_LOCK(mutex_);
  static bool Full(const Span& span, const model::TenantId& tenant,
                   int64_t limit, int64_t tenant_limit);
  void Mark(const model::TenantId& tenant, std::span<const uint64_t> ids)
      REQUIRES_LOCK(mutex_);

  const SeriesLimits limits_;
  mutable base::Mutex mutex_;
  Span hour_ GUARDED_BY(mutex_);
  Span day_ GUARDED_BY(mutex_);
  IdPages used_ GUARDED_BY(mutex_);         // since the last cut
  IdPages used_before_ GUARDED_BY(mutex_);  // before it, since the last ended
  // In hour_, day_ and used_: nothing is left to do.
  IdPages settled_ GUARDED_BY(mutex_);
  std::array<int64_t, model::kRefusals> dropped_ GUARDED_BY(mutex_) = {};
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_ACTIVE_SERIES_H_
