#include "storage/index/index_repair.h"

#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "storage/index/index_key.h"
#include "storage/index/index_tables.h"

namespace varve::storage {
namespace {

// More than a node creates between two flushes, which is what label pages may
// not know.
constexpr uint64_t kIdGap = uint64_t{1} << 24;
constexpr size_t kPageBytes = sizeof(uint64_t);

}  // namespace

absl::Status RepairIndexMeta(KvDb& db) {
  const KvFamilyRef meta = db.Find(kMetaFamily);
  if (!db.MayLack(*meta, "", "")) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto bound, db.Get(*meta, "id_bound"));
  ASSIGN_OR_RETURN(const auto end, db.Get(*meta, "flushed_end"));
  if (bound && end) return absl::OkStatus();
  uint64_t page_max = 0;
  const auto it =
      db.Scan(db.Find(kSeriesFamily), KvScan{.fill_cache = false});
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    if (it->key().size() < kPageBytes) continue;
    base::ByteReader page(it->key().substr(it->key().size() - kPageBytes));
    page_max = std::max(page_max, page.FixedBe<uint64_t>());
  }
  RETURN_IF_ERROR(it->status());
  const uint64_t id_bound = ((page_max + 1) << kPageShift) + kIdGap;
  base::LogError("the index lost its counters: new series get ids from ",
                 id_bound);
  KvBatch batch;
  IndexTables::PutMeta(batch, *meta, "id_bound", id_bound);
  IndexTables::PutMeta(batch, *meta, "flushed_end", id_bound);
  IndexTables::PutMeta(batch, *meta, "next_metric_id", uint64_t{1} << 31);
  IndexTables::PutMeta(batch, *meta, "series", (page_max + 1) << kPageShift);
  return db.Write(batch, /*sync=*/true);
}

}  // namespace varve::storage
