// Rows that damage took, made again of those that are left.
//
// What is known of a series stands in several places: its labels in its page
// and, pair by pair, in postings; its id under its hash; the days it was active
// on in the keys of the blocks. So
//
//   1  series without a page get one from the postings that name them, proven
//      by their hash: a series that lost a pair as well is not made up, and
//      told as gone (take_gone) while hash and post still name it;
//   2  hash, post, names and metrics are cleared and written again from all
//      pages, in parts, as a flush writes new series;
//   3  active days come from the blocks;
//   4  the counters of `meta` are those in memory.
//
// A crash in between leaves the losses noted, and the next start begins anew.
// Meanwhile definitions that find no row where one may be lost are told to wait
// (FindOrCreate): else a series would get a second id.
#include <algorithm>
#include <map>

#include "lib/base/byte_coding.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/model/tenant.h"
#include "storage/index/index_impl.h"

namespace varve::storage {
namespace {

using base::MutexLock;
using base::ReaderLock;
using base::WriterLock;

// Of one part: about 30 MB while it is written.
constexpr size_t kPartSeries = 200'000;
// Series whose labels are looked for in one pass over a tenant's postings.
constexpr size_t kPassSeries = 100'000;
constexpr int64_t kBatchBytes = 4 << 20;
// In the place of a damaged file's name.
constexpr std::string_view kUnderWay = "a rebuild under way";

bool AnyOf(std::span<const KvLoss> losses,
           std::initializer_list<std::string_view> families) {
  return std::any_of(losses.begin(), losses.end(), [&](const KvLoss& loss) {
    return loss.family.empty() ||
           std::find(families.begin(), families.end(), loss.family) !=
               families.end();
  });
}

uint64_t VarintOf(const std::optional<std::string>& bytes) {
  const std::string none;
  return base::ByteReader(bytes ? *bytes : none).Varint();
}

// The days that lost rows of `active` may be of.
DayRange LostDays(std::span<const KvLoss> losses) {
  DayRange days{.first = INT32_MAX, .last = INT32_MIN};
  for (const KvLoss& loss : losses) {
    if (!AnyOf(std::span(&loss, 1), {kActiveFamily})) continue;
    const auto first = ParseActiveKey(loss.first);
    const auto last = ParseActiveKey(loss.last);
    if (!first || !last || first->tenant != last->tenant) return DayRange{};
    days.first = std::min(days.first, first->day);
    days.last = std::max(days.last, last->day);
  }
  return days;
}

}  // namespace

absl::StatusOr<std::vector<KvLoss>> IndexImpl::Rebuild(
    const RebuildCalls& calls) {
  // All that has ids is in pages afterwards.
  RETURN_IF_ERROR(Flush());
  MutexLock flush(flush_mutex_);
  {
    ReaderLock lock(mutex_);
    if (frozen_ != nullptr) return base::Unavailable("the index is flushing");
  }
  KvDb& db = tables_.db();
  const std::vector<KvLoss> lost = db.Losses();
  if (AnyOf(lost, {kSeriesFamily, kHashFamily, kPostFamily, kNamesFamily,
                   kMetricsFamily})) {
    // Until the hashes are all there again none can be called new.
    const KvLoss all = {.family = std::string(kHashFamily), .first = {},
                        .last = {}, .file = std::string(kUnderWay)};
    if (std::find(lost.begin(), lost.end(), all) == lost.end()) {
      RETURN_IF_ERROR(db.AddLoss(all));
    }
    ASSIGN_OR_RETURN(const std::vector<IndexTenantIds> gone,
                     RebuildPages(calls.go_on));
    if (!gone.empty()) RETURN_IF_ERROR(calls.take_gone(gone));
    RETURN_IF_ERROR(RebuildFromPages(calls.go_on));
  }
  if (AnyOf(lost, {kActiveFamily})) {
    RETURN_IF_ERROR(RebuildActive(LostDays(lost), calls));
  }
  RETURN_IF_ERROR(RewriteMeta());
  // What was lost meanwhile is for the next time.
  std::vector<KvLoss> mended;
  for (const KvLoss& loss : db.Losses()) {
    const bool ours = loss.file == kUnderWay;
    if (ours || std::find(lost.begin(), lost.end(), loss) != lost.end()) {
      if (IsIndexLoss(loss)) mended.push_back(loss);
    }
  }
  return mended;
}

bool IsIndexLoss(const KvLoss& loss) {
  const std::vector<std::string> names = Index::FamilyNames();
  if (loss.family == kUsageFamily) return false;  // counts of queries
  return loss.family.empty() ||
         std::find(names.begin(), names.end(), loss.family) != names.end();
}

absl::StatusOr<std::map<model::TenantId, IdSet>> IndexImpl::PagesIds(
    const GoOn& go_on) const {
  std::map<model::TenantId, IdSet> ids;
  const auto it = tables_.db().Scan(tables_.series, {.fill_cache = false});
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    RETURN_IF_ERROR(go_on());
    ASSIGN_OR_RETURN(const PageCache::PageRef page,
                     LabelPage::Decode(it->value()));
    base::ByteReader number(it->key().substr(model::kTenantKeyBytes));
    const uint64_t first = number.FixedBe<uint64_t>() << kPageShift;
    IdSet& of_tenant = ids[model::TenantFromKey(it->key())];
    for (uint32_t slot = 0; slot < kPageSeries; ++slot) {
      if (page->Has(slot)) of_tenant.add(static_cast<uint32_t>(first + slot));
    }
  }
  RETURN_IF_ERROR(it->status());
  return ids;
}

// Ids that postings or hashes name.
absl::StatusOr<std::map<model::TenantId, IdSet>> IndexImpl::NamedIds(
    const GoOn& go_on) const {
  std::map<model::TenantId, IdSet> ids;
  const auto posts = tables_.db().Scan(tables_.post, {.fill_cache = false});
  for (posts->SeekToFirst(); posts->Valid();) {
    RETURN_IF_ERROR(go_on());
    const model::TenantId tenant = model::TenantFromKey(posts->key());
    RETURN_IF_ERROR(
        TablePostings(tables_, tenant).AddPair("", "", ids[tenant]));
    posts->Seek(PrefixEnd(TenantKey(tenant)));
  }
  RETURN_IF_ERROR(posts->status());
  const auto hashes = tables_.db().Scan(tables_.hash, {.fill_cache = false});
  for (hashes->SeekToFirst(); hashes->Valid(); hashes->Next()) {
    RETURN_IF_ERROR(go_on());
    const uint64_t id = base::ByteReader(hashes->value()).Varint();
    ids[model::TenantFromKey(hashes->key())].add(static_cast<uint32_t>(id));
  }
  RETURN_IF_ERROR(hashes->status());
  return ids;
}

absl::StatusOr<std::vector<IndexTenantIds>> IndexImpl::RebuildPages(
    const GoOn& go_on) {
  ASSIGN_OR_RETURN(auto with_page, PagesIds(go_on));
  ASSIGN_OR_RETURN(auto named, NamedIds(go_on));
  std::vector<IndexTenantIds> gone;
  for (auto& [tenant, ids] : named) {
    ids -= with_page[tenant];
    const std::vector<uint64_t> missing = ToIds(ids);
    for (size_t begin = 0; begin < missing.size(); begin += kPassSeries) {
      const size_t end = std::min(missing.size(), begin + kPassSeries);
      IdSet pass;
      for (size_t i = begin; i < end; ++i) {
        pass.add(static_cast<uint32_t>(missing[i]));
      }
      ASSIGN_OR_RETURN(const IdSet found,
                       PagesFromPostings(tenant, pass, go_on));
      ids -= found;
    }
    if (!missing.empty()) {
      base::LogWarn("index: ", missing.size() - ids.cardinality(), " of ",
                    missing.size(), " lost series of tenant ",
                    model::TenantText(tenant), " have labels again");
    }
    if (!ids.isEmpty()) gone.push_back({tenant, ToIds(ids)});
  }
  return gone;
}

// The ids of `wanted` that have a page now.
absl::StatusOr<IdSet> IndexImpl::PagesFromPostings(
    const model::TenantId& tenant, const IdSet& wanted, const GoOn& go_on) {
  // Canonical bytes by id: postings come in the order of names.
  std::map<uint32_t, std::string> labels;
  RETURN_IF_ERROR(TablePostings(tables_, tenant)
                      .VisitAll([&](std::string_view name,
                                    std::string_view value,
                                    const PostingView& posting)
                                    -> absl::StatusOr<bool> {
                        RETURN_IF_ERROR(go_on());
                        if (value.empty()) return true;  // not a pair
                        IdSet ids;
                        RETURN_IF_ERROR(posting.AddTo(ids));
                        ids &= wanted;
                        for (const uint32_t id : ids) {
                          base::PutLengthPrefixed(labels[id], name);
                          base::PutLengthPrefixed(labels[id], value);
                        }
                        return true;
                      }));
  RamTenant ram;
  IdSet found;
  std::vector<LabelView> views;
  for (const auto& [id, canonical] : labels) {
    const model::SeriesHash hash = model::HashSeries(tenant, canonical);
    ASSIGN_OR_RETURN(const auto by_hash,
                     tables_.db().Get(*tables_.hash, HashKey(tenant, hash)));
    // 0 is no series' id.
    const bool proven = VarintOf(by_hash) == uint64_t{id};
    if (!proven || !SplitLabels(canonical, views).ok()) continue;
    ASSIGN_OR_RETURN(const auto metric,
                     tables_.db().Get(*tables_.metrics,
                                      NameKey(tenant, MetricNameOf(views))));
    if (!metric) continue;  // its blocks are under the metric's number
    ram.Add(id, static_cast<uint32_t>(VarintOf(metric)), hash, views);
    found.add(id);
  }
  const std::unique_ptr<RowSink> rows = MakeTableSink(tables_.db());
  RETURN_IF_ERROR(AddPages(tenant, ram, UINT64_MAX, *rows));
  RETURN_IF_ERROR(rows->Commit());
  return found;
}

absl::Status IndexImpl::RebuildFromPages(const GoOn& go_on) {
  KvDb& db = tables_.db();
  KvBatch clear;
  const std::string after_all(model::kTenantKeyBytes, '\xff');
  for (const KvFamilyRef& family :
       {tables_.hash, tables_.post, tables_.names, tables_.metrics}) {
    clear.DeleteRange(*family, "", after_all);
  }
  RETURN_IF_ERROR(db.Write(clear, /*sync=*/true));
  FrozenPart part;
  auto series = std::make_shared<RamPart>();
  uint32_t parts = 0;
  uint64_t count = 0;
  const auto write = [&]() -> absl::Status {
    if (series->series == 0) return absl::OkStatus();
    count += series->series;
    part.series = std::exchange(series, std::make_shared<RamPart>());
    const std::unique_ptr<RowSink> rows = MakeTableSink(db);
    RETURN_IF_ERROR(AddSeriesRows(part.Tenants(), parts++, *rows));
    return rows->Commit();
  };
  std::vector<LabelView> labels;
  const auto it = db.Scan(tables_.series, {.fill_cache = false});
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    RETURN_IF_ERROR(go_on());
    const model::TenantId tenant = model::TenantFromKey(it->key());
    base::ByteReader number(it->key().substr(model::kTenantKeyBytes));
    const uint64_t first = number.FixedBe<uint64_t>() << kPageShift;
    ASSIGN_OR_RETURN(const PageCache::PageRef page,
                     LabelPage::Decode(it->value()));
    for (uint32_t slot = 0; slot < kPageSeries; ++slot) {
      if (!page->Has(slot)) continue;
      RETURN_IF_ERROR(SplitLabels(page->labels(slot), labels));
      const model::SeriesHash hash =
          model::HashSeries(tenant, page->labels(slot));
      // Labels that have two ids since an older damage stand in two parts.
      const RamTenant* const known = series->Find(tenant);
      if (series->series >= kPartSeries ||
          (known != nullptr && known->FindHash(hash))) {
        RETURN_IF_ERROR(write());
      }
      RamTenant& ram = series->Get(tenant);
      const std::string_view name = MetricNameOf(labels);
      if (!ram.FindMetric(name)) ram.AddMetric(name, page->metric_id(slot));
      ram.Add(static_cast<uint32_t>(first + slot), page->metric_id(slot), hash,
              labels);
      ++series->series;
    }
  }
  RETURN_IF_ERROR(it->status());
  RETURN_IF_ERROR(write());
  WriterLock lock(mutex_);
  // No flush writes over these shards, and no search keeps what it read of
  // cleared postings.
  next_shard_ = std::max(next_shard_, parts) + 1;
  series_flushed_ = count;
  ++generation_;
  return absl::OkStatus();
}

absl::Status IndexImpl::RebuildActive(const DayRange& days,
                                      const RebuildCalls& calls) {
  std::map<std::pair<model::TenantId, int32_t>, IdSet> found;
  RETURN_IF_ERROR(calls.visit_blocks(
      Kept(days), [&](const model::TenantId& tenant, int32_t day, uint64_t id) {
        found[{tenant, day}].add(static_cast<uint32_t>(id));
      }));
  KvDb& db = tables_.db();
  KvBatch batch;
  for (auto& [place, ids] : found) {
    const std::string key = ActiveKey(place.first, place.second);
    if (!db.MayLack(*tables_.active, key, key + '\0')) continue;
    ASSIGN_OR_RETURN(const auto bytes, db.Get(*tables_.active, key));
    if (bytes) RETURN_IF_ERROR(AddIdSet(*bytes, ids));
    std::string value;
    AppendIdSet(value, ids);
    batch.Put(*tables_.active, key, value);
    if (batch.bytes() < kBatchBytes) continue;
    RETURN_IF_ERROR(db.Write(batch, /*sync=*/true));
    batch.Clear();
  }
  return db.Write(batch, /*sync=*/true);
}

absl::Status IndexImpl::RewriteMeta() {
  MutexLock reserve(reserve_mutex_);
  KvBatch batch;
  {
    ReaderLock lock(mutex_);
    const std::pair<std::string_view, uint64_t> rows[] = {
        {"ref_epoch", ref_epoch_.load()},  {"id_bound", id_bound_},
        {"flushed_end", flushed_end_},     {"next_metric_id", next_metric_id_},
        {"next_shard", next_shard_},       {"series", series_flushed_},
    };
    for (const auto& [name, value] : rows) {
      IndexTables::PutMeta(batch, *tables_.meta, name, value);
    }
  }
  return tables_.db().Write(batch, /*sync=*/true);
}

}  // namespace varve::storage
