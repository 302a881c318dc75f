// Timestamp columns that many series share: the targets of one scrape have the
// same timestamps in each of their series, so that a day keeps them once.
//
//   key      tenant(9) | kColumnsMetricId(8 BE) | column id(8 BE), behind the
//            day in `closed`: after all series of its tenant
//   value    := n:varint size:varint column[size] checksum:u32
//   checksum := low 32 bits of xxh3-64 over what is before it
//
// Ids count up from 1 within a day, over all tenants, flushes and rewrites;
// the next one is kept with the day's row count (storage/engine). A segment
// names its column by ts_ref. Runs seen once stand inline, and so do exactly
// regular ones, which take ten bytes.
//
// Errors:  DataLoss for a column that is missing or damaged: one damaged
//          segment for each that refers to it.
// Threads: one for each object.
// Source:  docs/formats/segment.md; sharing by equal bytes costs 0.5 ns a
//          sample and brings jittered timestamps from 0.48 to under 0.01
//          bytes a sample (bench/micro/storage_day_bench.cc).
#ifndef VARVE_STORAGE_BLOCK_TIMESTAMP_COLUMN_H_
#define VARVE_STORAGE_BLOCK_TIMESTAMP_COLUMN_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "lib/base/hash.h"
#include "storage/block/block_key.h"
#include "storage/kv/kv.h"

namespace varve::storage {

// Behind every metric of the tenant: a writer knows which columns are shared
// only when it has seen all series, and a table wants ascending keys. Index
// ids are 32 bits wide, so that no metric has this one.
inline constexpr uint64_t kColumnsMetricId = UINT64_MAX;

void AppendColumnValue(std::span<const int64_t> timestamps_ms,
                       std::string& out);
absl::Status ParseColumnValue(std::string_view value,
                              std::vector<int64_t>& timestamps_ms);

// Finds equal runs of timestamps among one tenant's series of one day.
class SharedTimestamps {
 public:
  // Runs kept to compare with; above, what was seen once is forgotten.
  static constexpr int64_t kBytesMax = 16 << 20;

  struct Column {
    uint64_t id = 0;
    std::span<const int64_t> timestamps_ms;
  };

  explicit SharedTimestamps(int64_t bytes_max = kBytesMax)
      : bytes_max_(bytes_max) {}

  // The id of the run's column, taken from `next_id` when it gets one now; 0:
  // the run stands inline.
  uint64_t Find(std::span<const int64_t> timestamps_ms, uint64_t& next_id);
  // Those with an id, ascending; valid until Clear.
  std::vector<Column> Columns() const;
  void Clear();

 private:
  struct Run {
    uint64_t id = 0;
    std::vector<int64_t> timestamps_ms;
  };
  void MakeRoom(int64_t bytes);

  const int64_t bytes_max_;
  const base::SecretHash hash_;
  absl::flat_hash_map<base::Hash128, Run> runs_;
  int64_t bytes_ = 0;
};

// Where a reader of segments finds the columns they refer to.
class ColumnSource {
 public:
  virtual ~ColumnSource() = default;
  // Valid until the next call.
  virtual absl::StatusOr<std::span<const int64_t>> Find(uint64_t id) = 0;
};

// For values whose segments refer to no column.
class NoColumns final : public ColumnSource {
 public:
  absl::StatusOr<std::span<const int64_t>> Find(uint64_t id) override;
};

// Columns of one tenant out of the database; decoded ones are kept.
class ColumnReader final : public ColumnSource {
 public:
  // `fill_cache` as in KvScan.
  ColumnReader(const KvDb& db, KvSnapshotRef snapshot, int64_t bytes_max,
               bool fill_cache = true)
      : db_(db),
        snapshot_(std::move(snapshot)),
        bytes_max_(bytes_max),
        fill_cache_(fill_cache) {}

  // What later Finds look in: `family`'s rows of the tenant, of this day if
  // the family is the closed one.
  void Use(const KvFamilyRef& family, bool closed, int32_t day,
           const model::TenantId& tenant);
  absl::StatusOr<std::span<const int64_t>> Find(uint64_t id) override;
  // Of the decoded columns.
  int64_t bytes() const { return bytes_ + old_bytes_; }

 private:
  using Table =
      absl::flat_hash_map<std::string,
                          std::unique_ptr<const std::vector<int64_t>>>;

  const KvDb& db_;
  const KvSnapshotRef snapshot_;
  const int64_t bytes_max_;
  const bool fill_cache_;
  KvFamilyRef family_;
  std::string name_;  // day and kind of family, then the row's key
  size_t key_at_ = 0;
  size_t prefix_bytes_ = 0;
  // Two ages: the older goes as a whole, what is used moves to the younger.
  Table young_;
  Table old_;
  int64_t bytes_ = 0;
  int64_t old_bytes_ = 0;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_BLOCK_TIMESTAMP_COLUMN_H_
