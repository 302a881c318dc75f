// The inverted index of one node: label sets to series ids and back, and
// which series were active on which day.
//
// Ids:        u64, global over tenants, in creation order, from 1, never
//             given twice (a synced bound in the meta family sees to it, at
//             the price of up to kIdReserve unused ids per restart). Below
//             2^32 for now: ResourceExhausted beyond.
// Metric ids: u32 from 1 per (tenant, value of __name__, "" if absent), kept
//             with the series: the leading part of data keys.
// Durability: nothing by itself before Flush; the log has the definitions.
//             The caller logs what FindOrCreate made and gives it back to
//             Restore in a replay.
// Memory:     new series about 100 to 150 bytes each until Flush, then
//             bounded caches of label pages and blocks.
// Errors:     InvalidArgument (labels, matchers, one hash with two label
//             sets), DataLoss, Unavailable.
// Threads:    all members from any thread. Readers see a series as soon as
//             the call that made it has returned.
// Format:     docs/formats/index.md.
#ifndef VARVE_STORAGE_INDEX_INDEX_H_
#define VARVE_STORAGE_INDEX_INDEX_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/alive.h"
#include "lib/model/label.h"
#include "lib/model/matcher.h"
#include "lib/model/refusal.h"
#include "lib/model/slot_set.h"
#include "lib/model/tenant.h"
#include "storage/kv/kv.h"

namespace varve::storage {

// Ids are reserved in steps of this: one synced write for each step.
inline constexpr uint64_t kIdReserve = 1 << 16;

struct IndexOptions {
  // Decoded label pages kept; about 16 KiB for 64 series.
  int64_t page_cache_bytes = 8 << 20;
};

// Both ends included; days since 1970-01-01 UTC (model::DayOf).
struct DayRange {
  int32_t first = INT32_MIN;
  int32_t last = INT32_MAX;
  bool all() const { return first == INT32_MIN && last == INT32_MAX; }
};

struct IndexDefinition {
  model::TenantId tenant;
  model::SeriesHash hash;
  std::string_view labels;  // canonical bytes
};

struct IndexDefined {
  uint64_t id = 0;
  uint32_t metric_id = 0;
  bool is_new = false;
  // Otherwise nothing was created for it.
  model::Refusal refused = model::Refusal::kNone;
};

// Asked once for each definition, by its position and id: 0 for one that is
// about to be created. Known ones come first.
using AdmitSeries = std::function<model::Refusal(size_t i, uint64_t id)>;

struct IndexSeries {
  size_t position = 0;  // of the id in the span that was asked for
  uint64_t id = 0;
  uint32_t metric_id = 0;
  std::string_view labels;  // canonical bytes, valid during the call
};

struct IndexTenantIds {
  model::TenantId tenant;
  std::vector<uint64_t> ids;
};

struct IndexCount {
  std::string name;
  int64_t count = 0;
};

// The lists of /api/v1/status/tsdb, largest first, at most top_n each. Pairs
// are named "label=value".
struct IndexCardinality {
  int64_t total_series = 0;
  int64_t total_label_value_pairs = 0;  // summed over series
  std::vector<IndexCount> series_count_by_metric_name;
  std::vector<IndexCount> series_count_by_label_name;
  std::vector<IndexCount> series_count_by_focus_label_value;
  std::vector<IndexCount> series_count_by_label_value_pair;
  std::vector<IndexCount> label_value_count_by_label_name;
  // When asked for: xxh3 of every value, by label; labels that would go over
  // kValueHashesMax in all are left out.
  std::vector<std::pair<std::string, std::vector<uint64_t>>> value_hashes;
};
inline constexpr size_t kValueHashesMax = 2'000'000;

struct IndexCountRequest {
  model::TenantId tenant;
  std::span<const model::Matchers> groups;
  DayRange days;
  const model::SlotSet* slots = nullptr;  // null: all
  std::string_view focus_label;
  int64_t top_n = 10;
  bool value_hashes = false;
  const base::Alive* alive = nullptr;
};

// The series of one slot: equal counts and sums are equal series.
struct IndexSlotDigest {
  uint16_t slot = 0;
  uint32_t count = 0;
  uint64_t sum = 0;  // of the low halves of their hashes, modulo 2^64
};

struct IndexStats {
  int64_t series = 0;         // all, flushed or not
  int64_t series_in_ram = 0;  // since the last flush
  int64_t ram_bytes = 0;      // of them and their postings, estimated
  int64_t page_cache_bytes = 0;
  int64_t disk_bytes = 0;
  int64_t disk_rows = 0;
  int64_t hash_collisions = 0;
};

// Whether the loss is one of rows that Rebuild makes again.
bool IsIndexLoss(const KvLoss& loss);

class Index {
 public:
  // Families the index needs in its database; family_options for it.
  static std::vector<std::string> FamilyNames();
  static KvFamilyOptions FamilyOptions(std::string_view name);

  // `db` has FamilyNames() and outlives the index.
  static absl::StatusOr<std::unique_ptr<Index>> Open(
      KvDb& db, const IndexOptions& options);
  virtual ~Index() = default;

  // Random; made with the database, kept with it.
  virtual uint64_t ref_epoch() const = 0;
  // For when ids may have been lost: durable when it returns.
  virtual absl::Status RenewRefEpoch() = 0;

  // defined[i] belongs to definitions[i]. Labels that are not canonical bytes
  // or empty, and different labels under a known hash, are refused one by one,
  // as is what `admit` (when set) does not let in.
  // A caller that logs new series holds a lock of its own from this call to
  // the append, or a second caller could be given an id that is not yet in
  // the log.
  virtual absl::Status FindOrCreate(
      std::span<const IndexDefinition> definitions,
      std::vector<IndexDefined>& defined,
      const AdmitSeries& admit = nullptr) = 0;

  // A definition from the log. Known ids are left as they are: replaying
  // twice is harmless. The answer is the id the series has: another one than
  // `id` when its hash was known by that.
  virtual absl::StatusOr<uint64_t> Restore(
      uint64_t id, const IndexDefinition& definition) = 0;

  // The series has samples on that day. Cheap for what is marked already
  // (tens of ns an id); callers still remember the last day of hot series.
  virtual void MarkActive(const model::TenantId& tenant, int32_t day,
                          std::span<const uint64_t> ids) = 0;

  // The series have no samples on those days any more; a later MarkActive
  // counts again. REQUIRES: no MarkActive of these ids meanwhile.
  virtual absl::Status MarkInactive(const model::TenantId& tenant,
                                    const DayRange& days,
                                    std::span<const uint64_t> ids) = 0;

  // Days on which any of the series is active, ascending.
  virtual absl::StatusOr<std::vector<int32_t>> ActiveDays(
      const model::TenantId& tenant, const DayRange& days,
      std::span<const uint64_t> ids) const = 0;

  // Makes everything created and marked before the call durable: one atomic
  // synced write. Definitions and reads go on meanwhile. After an error all
  // of it is still there, and the next Flush tries again.
  virtual absl::Status Flush() = 0;

  // Ids of the series that match any of `groups` (no groups: all series) and
  // were active in `days` (all(): whatever their days), ascending. Here and
  // below, `alive` is asked between values that a regular expression judges;
  // null: it runs to its end.
  virtual absl::StatusOr<std::vector<uint64_t>> Select(
      const model::TenantId& tenant, std::span<const model::Matchers> groups,
      const DayRange& days, const base::Alive* alive = nullptr) const = 0;

  // Calls `fn` for each known id of `ids`, in their order; unknown ids and
  // ids of other tenants are left out. Quickest with ascending ids (about
  // 100 ns each; scattered ones cost a page, 4 us). `fill_cache`: the pages
  // that were read are kept for others.
  virtual absl::Status ForEachSeries(
      const model::TenantId& tenant, std::span<const uint64_t> ids,
      const std::function<void(const IndexSeries&)>& fn,
      bool fill_cache = true) const = 0;

  // Leaves of `ids` those whose series are in `slots`, in their order. REQUIRES:
  // they are from Select. About 2 ns each; what was never asked before costs
  // its labels.
  virtual absl::Status KeepSlots(const model::TenantId& tenant,
                                 const model::SlotSet& slots,
                                 std::vector<uint64_t>& ids) const = 0;

  // Sorted, without repeats; `limit` 0: all.
  virtual absl::StatusOr<std::vector<std::string>> LabelNames(
      const model::TenantId& tenant, std::span<const model::Matchers> groups,
      const DayRange& days, int64_t limit,
      const base::Alive* alive = nullptr) const = 0;
  virtual absl::StatusOr<std::vector<std::string>> LabelValues(
      const model::TenantId& tenant, std::span<const model::Matchers> groups,
      const DayRange& days, std::string_view label, int64_t limit,
      const base::Alive* alive = nullptr) const = 0;

  // Every series counts once, flushes or not.
  virtual absl::StatusOr<IndexCardinality> CardinalityOf(
      const IndexCountRequest& request) const = 0;
  // By slot, ascending, those without series left out; about 0.2 us a series.
  virtual absl::StatusOr<std::vector<IndexSlotDigest>> SlotDigests(
      const IndexCountRequest& request) const = 0;

  // Tenants with active series in `days`, sorted.
  virtual absl::StatusOr<std::vector<model::TenantId>> Tenants(
      const DayRange& days) const = 0;

  // Forgets which series were active on days before `first_kept`, for all
  // tenants. The series themselves stay.
  virtual absl::Status DropDaysBefore(int32_t first_kept) = 0;

  // Flushed series that no kept day knows, ids ascending.
  virtual absl::StatusOr<std::vector<IndexTenantIds>> FindUnused() const = 0;
  // Those of `ids` that are unused still; a definition of their labels gives a
  // new id from now on. REQUIRES: no FindOrCreate at the same time.
  virtual std::vector<uint64_t> BeginForget(
      const model::TenantId& tenant, std::span<const uint64_t> ids) = 0;
  // Removes them: one atomic write, which a crash may undo. REQUIRES: ids
  // ascend, are from BeginForget; at most some thousands, for memory.
  virtual absl::Status Forget(const model::TenantId& tenant,
                              std::span<const uint64_t> ids) = 0;

  // What a rebuild needs of the engine.
  struct RebuildCalls {
    // Tells of each series that has blocks on one of the days.
    std::function<absl::Status(
        const DayRange& days,
        const std::function<void(const model::TenantId&, int32_t day,
                                 uint64_t id)>& series)>
        visit_blocks;
    // Takes the series whose labels are lost, before the last rows that name
    // them are cleared: afterwards nothing knows of them. A rebuild that was
    // cut short may tell of them again.
    std::function<absl::Status(std::span<const IndexTenantIds>)> take_gone;
    // Asked again and again; an error ends the rebuild, and the next one begins
    // anew.
    std::function<absl::Status()> go_on;
  };
  // Makes rows that the database lost to damage again, from those that are
  // left, and returns the losses that are made up for but for the series told
  // to take_gone. Reads go on and lack them meanwhile, definitions of series that may
  // be lost are Unavailable. About 10 us a series of the whole index, and a
  // scan of the blocks of days whose active series were lost.
  virtual absl::StatusOr<std::vector<KvLoss>> Rebuild(
      const RebuildCalls& calls) = 0;

  virtual IndexStats stats() const = 0;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_INDEX_INDEX_H_
