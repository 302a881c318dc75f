#include "storage/index/index_repair.h"

#include <algorithm>
#include <functional>

#include "lib/base/byte_coding.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "storage/index/index_key.h"
#include "storage/index/index_tables.h"
#include "storage/index/posting.h"

namespace varve::storage {
namespace {

// More than a node creates between two flushes, which is what tables may not
// know.
constexpr uint64_t kIdGap = uint64_t{1} << 24;
constexpr uint64_t kMetricIdFloor = uint64_t{1} << 31;
constexpr size_t kPageBytes = sizeof(uint64_t);

// Runs `fn` on each row. What is damaged is met, and noted as lost, here.
absl::Status ForEachRow(
    KvDb& db, std::string_view family,
    const std::function<absl::Status(std::string_view key,
                                     std::string_view value)>& fn) {
  const auto it = db.Scan(db.Find(family), KvScan{.fill_cache = false});
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    RETURN_IF_ERROR(fn(it->key(), it->value()));
  }
  return it->status();
}

// The counters that the other families prove at least. A row of `meta` that is
// there may be older than the one that was lost.
struct Proven {
  uint64_t id_end = 0;  // above every id of a page or an active day
  uint64_t metric_end = 0;
  uint64_t shard_end = 0;
};

absl::StatusOr<Proven> ReadProven(KvDb& db) {
  Proven proven;
  RETURN_IF_ERROR(ForEachRow(
      db, kSeriesFamily, [&](std::string_view key, std::string_view) {
        if (key.size() < kPageBytes) return absl::OkStatus();
        base::ByteReader page(key.substr(key.size() - kPageBytes));
        proven.id_end = std::max(
            proven.id_end, (page.FixedBe<uint64_t>() + 1) << kPageShift);
        return absl::OkStatus();
      }));
  RETURN_IF_ERROR(ForEachRow(
      db, kActiveFamily, [&](std::string_view, std::string_view value) {
        IdSet ids;
        RETURN_IF_ERROR(AddIdSet(value, ids));
        if (ids.isEmpty()) return absl::OkStatus();
        proven.id_end =
            std::max(proven.id_end, uint64_t{ids.maximum()} + 1);
        return absl::OkStatus();
      }));
  RETURN_IF_ERROR(ForEachRow(
      db, kMetricsFamily, [&](std::string_view, std::string_view value) {
        proven.metric_end =
            std::max(proven.metric_end, base::ByteReader(value).Varint() + 1);
        return absl::OkStatus();
      }));
  PostKey post;
  RETURN_IF_ERROR(ForEachRow(
      db, kPostFamily, [&](std::string_view key, std::string_view) {
        if (ParsePostKey(key, post)) {
          proven.shard_end =
              std::max(proven.shard_end, uint64_t{post.shard} + 1);
        }
        return absl::OkStatus();
      }));
  return proven;
}

absl::StatusOr<uint64_t> Row(KvDb& db, std::string_view name) {
  ASSIGN_OR_RETURN(const auto bytes, db.Get(*db.Find(kMetaFamily), name));
  if (!bytes) return 0;
  return base::ByteReader(*bytes).FixedLe<uint64_t>();
}

}  // namespace

absl::Status RepairIndexMeta(KvDb& db) {
  // Before the question: damage that nobody has met yet is not known.
  RETURN_IF_ERROR(ForEachRow(db, kMetaFamily, [](auto, auto) {
    return absl::OkStatus();
  }));
  const KvFamilyRef meta = db.Find(kMetaFamily);
  if (!db.MayLack(*meta, "", "")) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Proven proven, ReadProven(db));
  ASSIGN_OR_RETURN(const uint64_t bound, Row(db, "id_bound"));
  ASSIGN_OR_RETURN(const uint64_t metric, Row(db, "next_metric_id"));
  ASSIGN_OR_RETURN(const uint64_t shard, Row(db, "next_shard"));
  ASSIGN_OR_RETURN(const uint64_t series, Row(db, "series"));
  const uint64_t id_bound = std::max(bound, proven.id_end + kIdGap);
  base::LogError("the index lost its counters: new series get ids from ",
                 id_bound);
  KvBatch batch;
  IndexTables::PutMeta(batch, *meta, "id_bound", id_bound);
  // Every page is looked at before it is written.
  IndexTables::PutMeta(batch, *meta, "flushed_end", id_bound);
  IndexTables::PutMeta(
      batch, *meta, "next_metric_id",
      std::max({metric, kMetricIdFloor, proven.metric_end + kIdGap}));
  IndexTables::PutMeta(batch, *meta, "next_shard",
                       std::max(shard, proven.shard_end));
  // A count, for statistics; 0 would be an empty index.
  IndexTables::PutMeta(batch, *meta, "series",
                       series != 0 ? series : proven.id_end + 1);
  return db.Write(batch, /*sync=*/true);
}

}  // namespace varve::storage
