#include "storage/index/index_tables.h"

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"

namespace varve::storage {
namespace {

// Pairs noted for folding between two flushes; more can wait.
constexpr size_t kNotedMax = 1024;

}  // namespace

IndexTables::IndexTables(KvDb& db, int64_t page_cache_bytes)
    : series(db.Find(kSeriesFamily)),
      hash(db.Find(kHashFamily)),
      post(db.Find(kPostFamily)),
      names(db.Find(kNamesFamily)),
      metrics(db.Find(kMetricsFamily)),
      active(db.Find(kActiveFamily)),
      meta(db.Find(kMetaFamily)),
      db_(db),
      page_cache_(page_cache_bytes) {}

absl::StatusOr<uint64_t> IndexTables::Meta(
    std::string_view name, const KvSnapshotRef& snapshot) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> value,
                   db_.Get(*meta, name, snapshot));
  if (!value) return 0;
  if (value->size() != sizeof(uint64_t)) {
    return base::DataLoss("index meta ", name, " has ", value->size(),
                          " bytes");
  }
  return base::LoadLe<uint64_t>(value->data());
}

void IndexTables::PutMeta(KvBatch& batch, const KvFamily& meta,
                          std::string_view name, uint64_t value) {
  std::string bytes;
  base::PutFixedLe<uint64_t>(bytes, value);
  batch.Put(meta, name, bytes);
}

absl::StatusOr<PageCache::PageRef> IndexTables::FindPage(
    const model::TenantId& tenant, uint64_t id, bool fill_cache) const {
  const uint64_t number = id >> kPageShift;
  const auto slot = static_cast<uint32_t>(id % kPageSeries);
  PageCache::PageRef page = page_cache_.Find({tenant, number});
  // A page read before a flush lacks the series the flush added to it.
  if (page != nullptr && page->Has(slot)) return page;
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   db_.Get(*series, PageKey(tenant, number), nullptr,
                           fill_cache));
  if (!bytes) return nullptr;
  ASSIGN_OR_RETURN(page, LabelPage::Decode(*bytes));
  if (fill_cache) page_cache_.Put({tenant, number}, page);
  if (!page->Has(slot)) return nullptr;
  return page;
}

absl::Status IndexTables::AddActive(const model::TenantId& tenant,
                                    const DayRange& days, IdSet& ids) const {
  if (days.first > days.last) return absl::OkStatus();
  KvScan scan;
  scan.lower = ActiveKey(tenant, days.first);
  scan.upper = ActiveKey(tenant, days.last) + '\0';
  const auto it = db_.Scan(active, std::move(scan));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    RETURN_IF_ERROR(AddIdSet(it->value(), ids));
  }
  return it->status();
}

absl::Status IndexTables::AddActiveByDay(
    const model::TenantId& tenant, const DayRange& days,
    std::map<int32_t, IdSet>& by_day) const {
  if (days.first > days.last) return absl::OkStatus();
  KvScan scan;
  scan.lower = ActiveKey(tenant, days.first);
  scan.upper = ActiveKey(tenant, days.last) + '\0';
  const auto it = db_.Scan(active, std::move(scan));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const auto parts = ParseActiveKey(it->key());
    if (!parts) return base::DataLoss("index has a damaged key of a day");
    RETURN_IF_ERROR(AddIdSet(it->value(), by_day[parts->day]));
  }
  return it->status();
}

void IndexTables::NoteShards(PairName pair) const {
  base::MutexLock lock(mutex_);
  if (noted_.size() < kNotedMax) noted_.insert(std::move(pair));
}

std::set<IndexTables::PairName> IndexTables::TakeNoted() const {
  base::MutexLock lock(mutex_);
  return std::exchange(noted_, {});
}

absl::Status TablePostings::VisitPair(std::string_view name,
                                      std::string_view value,
                                      const VisitParts& visit) const {
  KvScan scan;
  scan.snapshot = snapshot_;
  scan.lower = PostPrefix(tenant_, name, value);
  scan.upper = PrefixEnd(scan.lower);
  const auto it = tables_.db().Scan(tables_.post, std::move(scan));
  size_t shards = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    RETURN_IF_ERROR(visit(PostingView(it->value())));
    ++shards;
  }
  if (shards > kShardsMax) {
    tables_.NoteShards({tenant_, {std::string(name), std::string(value)}});
  }
  return it->status();
}

absl::Status TablePostings::Visit(std::string lower, bool with_present,
                                  const VisitPostings& visit) const {
  KvScan scan;
  scan.snapshot = snapshot_;
  scan.upper = PrefixEnd(lower);
  scan.lower = std::move(lower);
  const auto it = tables_.db().Scan(tables_.post, std::move(scan));
  PostKey key;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    if (!ParsePostKey(it->key(), key)) {
      return base::DataLoss("index has a damaged posting key");
    }
    if (key.value.empty() && !with_present) continue;
    const absl::StatusOr<bool> more =
        visit(key.name, key.value, PostingView(it->value()));
    if (!more.ok()) return more.status();
    if (!*more) break;
  }
  return it->status();
}

absl::Status TablePostings::VisitValues(std::string_view name,
                                        std::string_view prefix,
                                        const VisitPostings& visit) const {
  return Visit(PostNamePrefix(tenant_, name, prefix), false, visit);
}

absl::Status TablePostings::VisitAll(const VisitPostings& visit) const {
  return Visit(TenantKey(tenant_), true, visit);
}

absl::Status TablePostings::AddNames(std::vector<std::string>& names) const {
  KvScan scan;
  scan.snapshot = snapshot_;
  scan.lower = TenantKey(tenant_);
  scan.upper = PrefixEnd(scan.lower);
  const auto it = tables_.db().Scan(tables_.names, std::move(scan));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    names.emplace_back(it->key().substr(model::kTenantKeyBytes));
  }
  return it->status();
}

}  // namespace varve::storage
