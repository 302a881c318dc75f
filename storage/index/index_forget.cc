// Series out of the index: those that no kept day knows.
//
// A batch holds everything of the series it removes: a crash leaves each one
// whole or gone. Until the batch is in RocksDB, `dying_` keeps their hashes
// from being found. Postings that are rewritten are folded on the way.
#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "storage/index/index_impl.h"

namespace varve::storage {

using base::MutexLock;
using base::ReaderLock;
using base::WriterLock;

// What the series of one batch leave behind.
struct IndexImpl::Forgetting {
  KvBatch batch;
  IdSet ids;
  // (name, value) of their labels, and the name alone with the value "".
  std::map<std::pair<std::string, std::string>, IdSet> pairs;
  std::vector<std::pair<std::string, uint64_t>> hashes;  // key, id
  std::vector<uint64_t> pages;
  std::vector<std::string> metric_names;  // whose last series goes
  uint64_t series = 0;
};

void IndexImpl::SubtractActive(const model::TenantId& tenant,
                               const ActiveMarks& marks, IdSet& ids) {
  for (auto it = marks.lower_bound({tenant, INT32_MIN});
       it != marks.end() && it->first.first == tenant; ++it) {
    ids -= it->second.active;
  }
}

absl::StatusOr<std::vector<IndexTenantIds>> IndexImpl::FindUnused() const {
  std::vector<IndexTenantIds> found;
  const auto it = tables_.db().Scan(tables_.post, {.fill_cache = false});
  it->SeekToFirst();
  while (it->Valid()) {
    if (it->key().size() < model::kTenantKeyBytes) {
      return base::DataLoss("index has a damaged posting key");
    }
    const model::TenantId tenant = model::TenantFromKey(it->key());
    IdSet ids;
    RETURN_IF_ERROR(TablePostings(tables_, tenant).AddPair("", "", ids));
    IdSet active;
    RETURN_IF_ERROR(AddActive(tenant, DayRange{}, active));
    ids -= active;
    {
      ReaderLock lock(mutex_);
      ids -= dying_;
    }
    if (!ids.isEmpty()) found.push_back({tenant, ToIds(ids)});
    it->Seek(PrefixEnd(TenantKey(tenant)));
  }
  RETURN_IF_ERROR(it->status());
  return found;
}

std::vector<uint64_t> IndexImpl::BeginForget(const model::TenantId& tenant,
                                             std::span<const uint64_t> ids) {
  IdSet set;
  for (const uint64_t id : ids) set.add(static_cast<uint32_t>(id));
  WriterLock lock(mutex_);
  if (frozen_ != nullptr) SubtractActive(tenant, frozen_->marks, set);
  {
    MutexLock marks_lock(marks_mutex_);
    SubtractActive(tenant, marks_, set);
  }
  dying_ |= set;
  return ToIds(set);
}

absl::Status IndexImpl::Forget(const model::TenantId& tenant,
                               std::span<const uint64_t> ids) {
  MutexLock flush(flush_mutex_);
  Forgetting all;
  RETURN_IF_ERROR(ForgetPages(tenant, ids, all));
  RETURN_IF_ERROR(ForgetHashes(all));
  RETURN_IF_ERROR(ForgetPostings(tenant, all));
  {
    ReaderLock lock(mutex_);
    IndexTables::PutMeta(all.batch, *tables_.meta, "series",
                         series_flushed_ - all.series);
  }
  // Without a sync: after a crash they are back, and go once more.
  RETURN_IF_ERROR(tables_.db().Write(all.batch, /*sync=*/false));
  for (const uint64_t page : all.pages) {
    tables_.page_cache().Erase({tenant, page});
  }
  tables_.scan_cache().Clear();
  WriterLock lock(mutex_);
  series_flushed_ -= all.series;
  for (const uint64_t id : ids) dying_.remove(static_cast<uint32_t>(id));
  for (const std::string& name : all.metric_names) {
    metric_cache_.erase({tenant, name});
  }
  return absl::OkStatus();
}

absl::Status IndexImpl::ForgetPages(const model::TenantId& tenant,
                                    std::span<const uint64_t> ids,
                                    Forgetting& all) const {
  LabelPageBuilder builder;
  std::vector<LabelView> labels;
  std::array<std::vector<LabelView>, kPageSeries> kept;
  for (size_t i = 0; i < ids.size();) {
    const uint64_t number = ids[i] >> kPageShift;
    uint64_t leaving = 0;
    for (; i < ids.size() && ids[i] >> kPageShift == number; ++i) {
      leaving |= uint64_t{1} << ids[i] % kPageSeries;
    }
    const std::string key = PageKey(tenant, number);
    ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                     tables_.db().Get(*tables_.series, key));
    if (!bytes) continue;
    ASSIGN_OR_RETURN(const PageCache::PageRef page, LabelPage::Decode(*bytes));
    all.pages.push_back(number);
    for (uint32_t slot = 0; slot < kPageSeries; ++slot) {
      if (!page->Has(slot)) continue;
      const std::string_view canonical = page->labels(slot);
      RETURN_IF_ERROR(SplitLabels(canonical, kept[slot]));
      if (!(leaving >> slot & 1)) {
        builder.Add(slot, page->metric_id(slot), kept[slot]);
        continue;
      }
      const auto id = static_cast<uint32_t>(number << kPageShift | slot);
      all.ids.add(id);
      ++all.series;
      all.hashes.emplace_back(
          HashKey(tenant, model::HashSeries(tenant, canonical)), id);
      all.pairs[{"", ""}].add(id);
      for (const LabelView& label : kept[slot]) {
        const std::string name(label.name);
        all.pairs[{name, ""}].add(id);
        all.pairs[{name, std::string(label.value)}].add(id);
      }
    }
    if (builder.empty()) {
      all.batch.Delete(*tables_.series, key);
    } else {
      all.batch.Put(*tables_.series, key, builder.Finish());
    }
  }
  return absl::OkStatus();
}

absl::Status IndexImpl::ForgetHashes(Forgetting& all) const {
  std::sort(all.hashes.begin(), all.hashes.end());
  std::vector<std::string> keys;
  for (const auto& [key, id] : all.hashes) keys.push_back(key);
  std::vector<std::optional<std::string>> values;
  RETURN_IF_ERROR(tables_.db().MultiGet(*tables_.hash, keys, values));
  for (size_t i = 0; i < keys.size(); ++i) {
    // The same labels may have got a newer id.
    if (values[i] &&
        base::ByteReader(*values[i]).Varint() == all.hashes[i].second) {
      all.batch.Delete(*tables_.hash, keys[i]);
    }
  }
  return absl::OkStatus();
}

absl::Status IndexImpl::ForgetPostings(const model::TenantId& tenant,
                                       Forgetting& all) const {
  for (const auto& [pair, leaving] : all.pairs) {
    const auto& [name, value] = pair;
    KvScan scan;
    scan.lower = PostPrefix(tenant, name, value);
    scan.upper = PrefixEnd(scan.lower);
    const auto it = tables_.db().Scan(tables_.post, std::move(scan));
    IdSet ids;
    std::string first;
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      RETURN_IF_ERROR(AddIdSet(it->value(), ids));
      if (first.empty()) {
        first = it->key();
      } else {
        all.batch.Delete(*tables_.post, it->key());
      }
    }
    RETURN_IF_ERROR(it->status());
    if (first.empty()) continue;
    ids -= leaving;
    if (!ids.isEmpty()) {
      std::string bytes;
      AppendIdSet(bytes, ids);
      all.batch.Put(*tables_.post, first, bytes);
      continue;
    }
    all.batch.Delete(*tables_.post, first);
    if (name.empty()) continue;
    if (value.empty()) {
      all.batch.Delete(*tables_.names, NameKey(tenant, name));
    } else if (name == model::kMetricName) {
      // Its number is free: series carry theirs themselves.
      all.batch.Delete(*tables_.metrics, NameKey(tenant, value));
      all.metric_names.push_back(value);
    }
  }
  return absl::OkStatus();
}

}  // namespace varve::storage
