// Series from memory to RocksDB, days out of it.
#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "storage/index/index_impl.h"

namespace varve::storage {

using base::MutexLock;
using base::ReaderLock;
using base::WriterLock;

namespace {

// From here on the rows go into tables instead of a batch: six more fsyncs,
// but a third of the memory and of the bytes written.
constexpr size_t kTableSeriesMin = 10'000;

}  // namespace

std::shared_ptr<const FrozenPart> IndexImpl::Freeze() {
  WriterLock lock(mutex_);
  if (frozen_ != nullptr) return frozen_;
  MutexLock marks_lock(marks_mutex_);
  if (live_->series == 0 && marks_.empty()) return nullptr;
  auto part = std::make_shared<FrozenPart>();
  part->series = std::exchange(live_, std::make_shared<RamPart>());
  part->marks = std::exchange(marks_, {});
  part->next_metric_id = next_metric_id_;
  frozen_ = part;
  ++generation_;
  return part;
}

absl::Status IndexImpl::Flush() {
  MutexLock flush(flush_mutex_);
  // What an earlier flush left behind, then what came since.
  bool retry;
  {
    ReaderLock lock(mutex_);
    retry = frozen_ != nullptr;
  }
  for (int parts = retry ? 2 : 1; parts > 0; --parts) {
    const std::shared_ptr<const FrozenPart> part = Freeze();
    if (part == nullptr) break;
    RETURN_IF_ERROR(WritePart(*part));
    WriterLock lock(mutex_);
    frozen_ = nullptr;
    ++generation_;
    ++next_shard_;
    flushed_end_ = std::max(flushed_end_, part->series->id_max + 1);
    series_flushed_ += part->series->series;
  }
  return absl::OkStatus();
}

std::vector<std::pair<model::TenantId, const RamTenant*>>
FrozenPart::Tenants() const {
  std::vector<std::pair<model::TenantId, const RamTenant*>> tenants;
  for (const auto& [tenant, ram] : series->tenants) {
    tenants.emplace_back(tenant, ram.get());
  }
  std::sort(tenants.begin(), tenants.end());
  return tenants;
}

absl::Status IndexImpl::WritePart(const FrozenPart& part) {
  uint64_t flushed_end;
  uint64_t series_flushed;
  uint32_t shard;
  {
    ReaderLock lock(mutex_);
    flushed_end = flushed_end_;
    series_flushed = series_flushed_;
    shard = next_shard_;
  }
  const std::unique_ptr<RowSink> rows =
      part.series->series < kTableSeriesMin ? MakeBatchSink(tables_.db())
                                            : MakeTableSink(tables_.db());
  // Family by family, and keys ascending, as tables want it.
  const auto tenants = part.Tenants();
  for (const auto& [tenant, ram] : tenants) {
    RETURN_IF_ERROR(AddPages(tenant, *ram, flushed_end, *rows));
  }
  RETURN_IF_ERROR(AddSeriesRows(tenants, shard, *rows));
  RETURN_IF_ERROR(AddMarks(part.marks, *rows));
  const std::pair<std::string_view, uint64_t> meta[] = {
      {"flushed_end", std::max(flushed_end, part.series->id_max + 1)},
      {"next_metric_id", part.next_metric_id},
      {"next_shard", shard + 1},
      {"series", series_flushed + part.series->series},
  };
  for (const auto& [name, value] : meta) {
    std::string bytes;
    base::PutFixedLe<uint64_t>(bytes, value);
    RETURN_IF_ERROR(rows->Put(tables_.meta, name, bytes));
  }
  RETURN_IF_ERROR(rows->Commit());
  const absl::Status folded = FoldShards();
  // Nothing is lost by it: the next reader notes the pairs again.
  if (!folded.ok()) base::LogWarn("index: ", base::Message(folded));
  return absl::OkStatus();
}

absl::Status IndexImpl::AddSeriesRows(const RamTenants& tenants,
                                      uint32_t shard, RowSink& rows) const {
  for (const auto& [tenant, ram] : tenants) {
    RETURN_IF_ERROR(AddHashes(tenant, *ram, rows));
  }
  for (const auto& [tenant, ram] : tenants) {
    RETURN_IF_ERROR(AddPostings(tenant, *ram, shard, rows));
  }
  for (const auto& [tenant, ram] : tenants) {
    RETURN_IF_ERROR(AddNames(tenant, *ram, rows));
  }
  for (const auto& [tenant, ram] : tenants) {
    RETURN_IF_ERROR(AddMetrics(tenant, *ram, rows));
  }
  return absl::OkStatus();
}

absl::Status IndexImpl::AddPages(const model::TenantId& tenant,
                                 const RamTenant& ram, uint64_t flushed_end,
                                 RowSink& rows) const {
  const std::vector<uint32_t> places = ram.PlacesById();
  LabelPageBuilder builder;
  std::array<std::vector<LabelView>, kPageSeries> labels;
  for (size_t begin = 0; begin < places.size();) {
    const uint64_t page = ram.id(places[begin]) >> kPageShift;
    std::array<uint32_t, kPageSeries> metric_ids;
    uint64_t present = 0;
    // The page may have series from flushes before.
    PageCache::PageRef old;
    if (page << kPageShift < flushed_end) {
      const std::string key = PageKey(tenant, page);
      ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                       tables_.db().Get(*tables_.series, key));
      if (bytes) {
        ASSIGN_OR_RETURN(old, LabelPage::Decode(*bytes));
        for (uint32_t slot = 0; slot < kPageSeries; ++slot) {
          if (!old->Has(slot)) continue;
          RETURN_IF_ERROR(SplitLabels(old->labels(slot), labels[slot]));
          metric_ids[slot] = old->metric_id(slot);
          present |= uint64_t{1} << slot;
        }
      }
    }
    size_t end = begin;
    for (; end < places.size() && ram.id(places[end]) >> kPageShift == page;
         ++end) {
      const auto slot =
          static_cast<uint32_t>(ram.id(places[end]) % kPageSeries);
      ram.LabelsOf(places[end], labels[slot]);
      metric_ids[slot] = ram.metric_id(places[end]);
      present |= uint64_t{1} << slot;
    }
    for (uint32_t slot = 0; slot < kPageSeries; ++slot) {
      if (!(present >> slot & 1)) continue;
      builder.Add(slot, metric_ids[slot], labels[slot]);
    }
    RETURN_IF_ERROR(
        rows.Put(tables_.series, PageKey(tenant, page), builder.Finish()));
    begin = end;
  }
  return absl::OkStatus();
}

absl::Status IndexImpl::AddHashes(const model::TenantId& tenant,
                                  const RamTenant& ram, RowSink& rows) const {
  std::vector<uint32_t> places = ram.PlacesById();
  std::sort(places.begin(), places.end(), [&ram](uint32_t a, uint32_t b) {
    return ram.hash(a) < ram.hash(b);
  });
  std::string id;
  for (const uint32_t place : places) {
    id.clear();
    base::PutVarint(id, ram.id(place));
    RETURN_IF_ERROR(
        rows.Put(tables_.hash, HashKey(tenant, ram.hash(place)), id));
  }
  return absl::OkStatus();
}

absl::Status IndexImpl::AddPostings(const model::TenantId& tenant,
                                    const RamTenant& ram, uint32_t shard,
                                    RowSink& rows) const {
  std::string bytes;
  return ram.VisitSorted(
      [&](std::string_view name, std::string_view value,
          const PostingView& posting) -> absl::StatusOr<bool> {
        IdSet ids;
        RETURN_IF_ERROR(posting.AddTo(ids));
        std::string key = PostPrefix(tenant, name, value);
        AppendShard(key, shard);
        bytes.clear();
        AppendIdSet(bytes, ids);
        RETURN_IF_ERROR(rows.Put(tables_.post, key, bytes));
        return true;
      });
}

absl::Status IndexImpl::AddNames(const model::TenantId& tenant,
                                 const RamTenant& ram, RowSink& rows) const {
  std::vector<std::string> names;
  RETURN_IF_ERROR(ram.AddNames(names));
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    RETURN_IF_ERROR(rows.Put(tables_.names, NameKey(tenant, name), ""));
  }
  return absl::OkStatus();
}

absl::Status IndexImpl::AddMetrics(const model::TenantId& tenant,
                                   const RamTenant& ram, RowSink& rows) const {
  const std::map<std::string, uint32_t> sorted(ram.metrics().begin(),
                                               ram.metrics().end());
  for (const auto& [name, id] : sorted) {
    std::string value;
    base::PutVarint(value, id);
    RETURN_IF_ERROR(rows.Put(tables_.metrics, NameKey(tenant, name), value));
  }
  return absl::OkStatus();
}

absl::Status IndexImpl::FoldShards() const {
  KvBatch batch;
  for (const auto& [tenant, pair] : tables_.TakeNoted()) {
    KvScan scan;
    scan.lower = PostPrefix(tenant, pair.first, pair.second);
    scan.upper = PrefixEnd(scan.lower);
    const auto it = tables_.db().Scan(tables_.post, std::move(scan));
    IdSet ids;
    std::string first;
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      RETURN_IF_ERROR(AddIdSet(it->value(), ids));
      if (first.empty()) {
        first = it->key();
      } else {
        batch.Delete(*tables_.post, it->key());
      }
    }
    RETURN_IF_ERROR(it->status());
    if (first.empty()) continue;
    std::string value;
    AppendIdSet(value, ids);
    batch.Put(*tables_.post, first, value);
  }
  if (batch.empty()) return absl::OkStatus();
  return tables_.db().Write(batch, /*sync=*/false);
}

absl::Status IndexImpl::DropDaysBefore(int32_t first_kept) {
  MutexLock flush(flush_mutex_);
  if (first_kept <= first_kept_day_.load()) return absl::OkStatus();
  first_kept_day_ = first_kept;
  {
    MutexLock lock(marks_mutex_);
    std::erase_if(marks_, [first_kept](const auto& entry) {
      return entry.first.second < first_kept;
    });
  }
  KvBatch batch;
  const auto it = tables_.db().Scan(tables_.active, {});
  for (it->SeekToFirst(); it->Valid();) {
    const auto parts = ParseActiveKey(it->key());
    if (!parts) return base::DataLoss("index has a damaged key of a day");
    if (parts->day >= first_kept) {  // to the next tenant
      it->Seek(ActiveKey(parts->tenant, INT32_MAX) + '\0');
      continue;
    }
    batch.Delete(*tables_.active, it->key());
    it->Next();
  }
  RETURN_IF_ERROR(it->status());
  if (batch.empty()) return absl::OkStatus();
  return tables_.db().Write(batch, /*sync=*/false);
}

}  // namespace varve::storage
