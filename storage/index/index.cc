// Opening, and the way of a definition: memory, then RocksDB, then creation.
#include "storage/index/index.h"

#include <algorithm>
#include <random>

#include "lib/base/byte_coding.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "storage/index/index_impl.h"

namespace varve::storage {
namespace {

using base::ReaderLock;
using base::WriterLock;

constexpr std::string_view kRefEpoch = "ref_epoch";
constexpr std::string_view kIdBound = "id_bound";
// Metric names kept in memory with their ids; about 100 bytes each.
constexpr size_t kMetricCacheMax = 50'000;

// From here on the log says how far the ids have come.
constexpr uint64_t kIdsWarn = UINT32_MAX / 10 * uint64_t{9};

uint64_t RandomNonZero() {
  std::random_device device;
  return (uint64_t{device()} << 32 | device()) | 1;
}

std::optional<uint32_t> MetricInRam(const RamPart* live,
                                    const FrozenPart* frozen,
                                    const model::TenantId& tenant,
                                    std::string_view name) {
  const RamPart* const frozen_series =
      frozen == nullptr ? nullptr : frozen->series.get();
  for (const RamPart* const part : {live, frozen_series}) {
    const RamTenant* const ram = part == nullptr ? nullptr : part->Find(tenant);
    if (ram == nullptr) continue;
    if (const auto id = ram->FindMetric(name)) return id;
  }
  return std::nullopt;
}

}  // namespace

std::string_view MetricNameOf(std::span<const LabelView> labels) {
  for (const LabelView& label : labels) {
    if (label.name == model::kMetricName) return label.value;
  }
  return {};
}

std::vector<std::string> Index::FamilyNames() {
  std::vector<std::string> names;
  for (const std::string_view name :
       {kSeriesFamily, kHashFamily, kPostFamily, kNamesFamily, kMetricsFamily,
        kActiveFamily, kUsageFamily, kMetaFamily}) {
    names.emplace_back(name);
  }
  return names;
}

KvFamilyOptions Index::FamilyOptions(std::string_view name) {
  KvFamilyOptions options;
  // Most lookups of hashes and metric names are of new series: they miss.
  options.bloom = name == kHashFamily || name == kMetricsFamily;
  // Hashes do not compress.
  options.compress = name != kHashFamily;
  // One page of labels is read at a time, not its neighbours.
  options.block_bytes = name == kSeriesFamily ? 8 << 10 : 16 << 10;
  return options;
}

absl::StatusOr<std::unique_ptr<Index>> Index::Open(
    KvDb& db, const IndexOptions& options) {
  for (const std::string& name : FamilyNames()) {
    if (db.Find(name) == nullptr) {
      return base::Internal("the index's database lacks family ", name);
    }
  }
  auto index = std::make_unique<IndexImpl>(db, options);
  RETURN_IF_ERROR(index->Load());
  return std::unique_ptr<Index>(std::move(index));
}

absl::Status IndexImpl::Load() {
  ASSIGN_OR_RETURN(const uint64_t epoch, tables_.Meta(kRefEpoch));
  ref_epoch_ = epoch;
  if (epoch == 0) RETURN_IF_ERROR(RenewRefEpoch());
  ASSIGN_OR_RETURN(const uint64_t bound, tables_.Meta(kIdBound));
  ASSIGN_OR_RETURN(const uint64_t flushed_end, tables_.Meta("flushed_end"));
  ASSIGN_OR_RETURN(const uint64_t series, tables_.Meta("series"));
  ASSIGN_OR_RETURN(const uint64_t metric, tables_.Meta("next_metric_id"));
  ASSIGN_OR_RETURN(const uint64_t shard, tables_.Meta("next_shard"));
  WriterLock lock(mutex_);
  id_bound_ = std::max<uint64_t>(bound, 1);
  // Ids below the bound may have been given out and told to others.
  next_id_ = id_bound_;
  flushed_end_ = flushed_end;
  series_flushed_ = series;
  next_metric_id_ = std::max<uint32_t>(static_cast<uint32_t>(metric), 1);
  next_shard_ = static_cast<uint32_t>(shard);
  return absl::OkStatus();
}

absl::Status IndexImpl::RenewRefEpoch() {
  const uint64_t epoch = RandomNonZero();
  KvBatch batch;
  IndexTables::PutMeta(batch, *tables_.meta, kRefEpoch, epoch);
  RETURN_IF_ERROR(tables_.db().Write(batch, /*sync=*/true));
  ref_epoch_ = epoch;
  return absl::OkStatus();
}

IndexDefined IndexImpl::Collision(const IndexDefinition& definition,
                                  std::string_view known) const {
  ++hash_collisions_;
  static base::LogEvery every(10'000);
  if (every.Due()) {
    const auto ours = model::ParseCanonicalBytes(known);
    const auto theirs = model::ParseCanonicalBytes(definition.labels);
    base::LogError("series hash of ",
                   theirs.ok() ? theirs->Text() : "damaged labels",
                   " is that of ", ours.ok() ? ours->Text() : "damaged labels",
                   ": its rows are refused");
  }
  return {.refused = model::Refusal::kHashCollision};
}

bool IndexImpl::FindIn(const RamPart* part, const IndexDefinition& definition,
                       IndexDefined& defined) const {
  const RamTenant* const tenant =
      part == nullptr ? nullptr : part->Find(definition.tenant);
  if (tenant == nullptr) return false;
  const auto place = tenant->FindHash(definition.hash);
  if (!place) return false;
  std::string labels;
  tenant->AppendCanonical(*place, labels);
  defined = labels == definition.labels
                ? IndexDefined{tenant->id(*place), tenant->metric_id(*place)}
                : Collision(definition, labels);
  return true;
}

void IndexImpl::FindInRam(std::span<const IndexDefinition> definitions,
                          std::vector<IndexDefined>& defined, Wanted& wanted,
                          uint64_t& generation) const {
  ReaderLock lock(mutex_);
  generation = generation_;
  std::erase_if(wanted, [&](uint32_t i) NO_THREAD_SAFETY_ANALYSIS {
    return FindIn(live_.get(), definitions[i], defined[i]) ||
           (frozen_ != nullptr &&
            FindIn(frozen_->series.get(), definitions[i], defined[i]));
  });
}

absl::Status IndexImpl::FindInTables(
    std::span<const IndexDefinition> definitions,
    std::vector<IndexDefined>& defined, Wanted& wanted, bool& lost) const {
  if (wanted.empty()) return absl::OkStatus();
  std::vector<std::pair<std::string, uint32_t>> sorted;
  for (const uint32_t i : wanted) {
    sorted.emplace_back(HashKey(definitions[i].tenant, definitions[i].hash),
                        i);
  }
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::string> keys;
  for (auto& [key, i] : sorted) keys.push_back(std::move(key));
  std::vector<std::optional<std::string>> values;
  RETURN_IF_ERROR(tables_.db().MultiGet(*tables_.hash, keys, values));

  Wanted missing;
  std::vector<std::pair<uint64_t, uint32_t>> found;  // by id: by page
  {
    ReaderLock lock(mutex_);
    for (size_t k = 0; k < sorted.size(); ++k) {
      const uint64_t id =
          values[k] ? base::ByteReader(*values[k]).Varint() : 0;
      if (!values[k] || dying_.contains(static_cast<uint32_t>(id))) {
        lost = lost || (!values[k] && tables_.db().MayLack(*tables_.hash, keys[k],
                                                         keys[k] + '\0'));
        missing.push_back(sorted[k].second);
      } else {
        found.emplace_back(id, sorted[k].second);
      }
    }
  }
  std::sort(found.begin(), found.end());
  for (const auto& [id, i] : found) {
    const IndexDefinition& definition = definitions[i];
    ASSIGN_OR_RETURN(const PageCache::PageRef page,
                     tables_.FindPage(definition.tenant, id));
    if (page == nullptr) {
      const std::string key = PageKey(definition.tenant, id >> kPageShift);
      if (tables_.db().MayLack(*tables_.series, key, key + '\0')) {
        lost = true;
        missing.push_back(i);
        continue;
      }
      return base::DataLoss("index has the hash but not the labels of series ",
                            id);
    }
    const auto slot = static_cast<uint32_t>(id % kPageSeries);
    defined[i] = page->labels(slot) == definition.labels
                     ? IndexDefined{id, page->metric_id(slot)}
                     : Collision(definition, page->labels(slot));
  }
  std::sort(missing.begin(), missing.end());  // ids in the caller's order
  wanted = std::move(missing);
  return absl::OkStatus();
}

absl::Status IndexImpl::LoadMetricIds(std::span<const Prepared> series,
                                      MetricIds& known) {
  std::vector<MetricName> unknown;
  {
    ReaderLock lock(mutex_);
    for (const Prepared& one : series) {
      const model::TenantId& tenant = one.definition->tenant;
      const std::string_view metric = MetricNameOf(one.labels);
      // Most are of series just defined: Create finds them as well.
      if (MetricInRam(live_.get(), frozen_.get(), tenant, metric)) continue;
      MetricName name(tenant, metric);
      if (known.contains(name)) continue;
      const auto cached = metric_cache_.find(name);
      if (cached != metric_cache_.end()) {
        known.emplace(std::move(name), cached->second);
      } else {
        known.emplace(name, 0);  // 0: not in RocksDB either, see below
        unknown.push_back(std::move(name));
      }
    }
  }
  if (unknown.empty()) return absl::OkStatus();
  std::sort(unknown.begin(), unknown.end());
  std::vector<std::string> keys;
  for (const MetricName& name : unknown) {
    keys.push_back(NameKey(name.first, name.second));
  }
  std::vector<std::optional<std::string>> values;
  RETURN_IF_ERROR(tables_.db().MultiGet(*tables_.metrics, keys, values));
  WriterLock lock(mutex_);
  if (metric_cache_.size() > kMetricCacheMax) metric_cache_.clear();
  for (size_t i = 0; i < unknown.size(); ++i) {
    if (!values[i]) continue;
    const auto id =
        static_cast<uint32_t>(base::ByteReader(*values[i]).Varint());
    known[unknown[i]] = id;
    metric_cache_[unknown[i]] = id;
  }
  return absl::OkStatus();
}

absl::Status IndexImpl::ReserveIds(uint64_t count) {
  base::MutexLock reserve(reserve_mutex_);
  uint64_t wanted;
  {
    ReaderLock lock(mutex_);
    wanted = next_id_ + count;
    if (wanted <= id_bound_) return absl::OkStatus();
  }
  if (wanted > UINT32_MAX) {
    return base::ResourceExhausted(
        "series ids are used up: ", wanted,
        " would pass 2^32; ids are never given twice: move the data to new "
        "nodes (docs/operations.md)");
  }
  const uint64_t bound = (wanted / kIdReserve + 1) * kIdReserve;
  if (bound > kIdsWarn) {
    static base::LogEvery every(3'600'000);
    if (every.Due()) {
      base::LogWarn("series ids: ", bound, " of ", uint64_t{UINT32_MAX},
                    " are given out; at the end new series are refused");
    }
  }
  KvBatch batch;
  IndexTables::PutMeta(batch, *tables_.meta, kIdBound, bound);
  RETURN_IF_ERROR(tables_.db().Write(batch, /*sync=*/true));
  WriterLock lock(mutex_);
  id_bound_ = bound;
  return absl::OkStatus();
}

uint32_t IndexImpl::MetricIdFor(const model::TenantId& tenant,
                                std::string_view name,
                                const MetricIds& known) {
  if (const auto id =
          MetricInRam(live_.get(), frozen_.get(), tenant, name)) {
    return *id;
  }
  const auto it = known.find(MetricName(tenant, std::string(name)));
  if (it != known.end() && it->second != 0) return it->second;
  const uint32_t id = next_metric_id_++;
  live_->Get(tenant).AddMetric(name, id);
  return id;
}

absl::StatusOr<bool> IndexImpl::Create(std::span<Prepared> series,
                                       const MetricIds& known,
                                       uint64_t generation) {
  WriterLock lock(mutex_);
  if (generation_ != generation) return false;
  // First what can fail, then what changes something.
  size_t ids_needed = 0;
  for (Prepared& one : series) {
    one.is_new = !FindIn(live_.get(), *one.definition, one.defined);
    if (one.is_new && one.id == 0) ++ids_needed;
  }
  if (ids_needed > 0 && next_id_ + ids_needed > id_bound_) return false;
  for (Prepared& one : series) {
    if (!one.is_new) continue;
    const IndexDefinition& definition = *one.definition;
    RamTenant& tenant = live_->Get(definition.tenant);
    // Twice in one call: the second one finds the first.
    if (const auto place = tenant.FindHash(definition.hash)) {
      one.defined = {tenant.id(*place), tenant.metric_id(*place)};
      continue;
    }
    const uint64_t id = one.id != 0 ? one.id : next_id_;
    if (tenant.FindId(static_cast<uint32_t>(id))) {
      // Only a damaged log says so; what is here may have samples already.
      return base::DataLoss("series id ", id, " is defined twice");
    }
    const uint32_t metric_id =
        MetricIdFor(definition.tenant, MetricNameOf(one.labels), known);
    tenant.Add(static_cast<uint32_t>(id), metric_id, definition.hash,
               one.labels);
    next_id_ = std::max(next_id_, id + 1);
    live_->id_max = std::max(live_->id_max, id);
    ++live_->series;
    one.defined = {id, metric_id, true};
  }
  return true;
}

void IndexImpl::AdmitKnown(const AdmitSeries& admit, Verdicts& verdicts,
                           std::vector<IndexDefined>& defined) {
  for (size_t i = 0; i < defined.size(); ++i) {
    if (defined[i].id == 0) continue;
    if (!verdicts[i]) verdicts[i] = admit(i, defined[i].id);
    defined[i].refused = *verdicts[i];
  }
}

void IndexImpl::Prepare(std::span<const IndexDefinition> definitions,
                        const AdmitSeries& admit, Verdicts& verdicts,
                        std::vector<IndexDefined>& defined, Wanted& wanted,
                        std::vector<Prepared>& series) const {
  absl::flat_hash_map<std::pair<model::TenantId, model::SeriesHash>, uint32_t>
      seen;
  series.clear();
  Wanted kept;
  for (const uint32_t i : wanted) {
    const IndexDefinition& definition = definitions[i];
    Prepared one{.definition = &definition};
    if (!SplitLabels(definition.labels, one.labels).ok()) {
      defined[i].refused = model::Refusal::kInvalidLabels;
      continue;
    }
    const auto [it, fresh] =
        seen.try_emplace({definition.tenant, definition.hash}, i);
    const std::string_view first = definitions[it->second].labels;
    if (!fresh && first != definition.labels) {
      defined[i] = Collision(definition, first);
      continue;
    }
    if (fresh && !verdicts[i]) {
      verdicts[i] = admit != nullptr ? admit(i, 0) : model::Refusal::kNone;
    }
    defined[i].refused = *verdicts[it->second];
    if (defined[i].refused != model::Refusal::kNone) continue;
    kept.push_back(i);
    series.push_back(std::move(one));
  }
  wanted = std::move(kept);
}

absl::Status IndexImpl::FindOrCreate(
    std::span<const IndexDefinition> definitions,
    std::vector<IndexDefined>& defined, const AdmitSeries& admit) {
  Verdicts verdicts(definitions.size());  // kept over the rounds below
  Wanted all(definitions.size());
  for (uint32_t i = 0; i < all.size(); ++i) all[i] = i;
  std::vector<Prepared> series;
  while (true) {
    defined.assign(definitions.size(), {});
    Wanted wanted = all;
    uint64_t generation = 0;
    FindInRam(definitions, defined, wanted, generation);
    bool lost = false;
    RETURN_IF_ERROR(FindInTables(definitions, defined, wanted, lost));
    if (lost) {
      return base::Unavailable(
          "the index lost rows to damage, perhaps of these series, and makes "
          "them again: try again");
    }
    if (admit != nullptr) AdmitKnown(admit, verdicts, defined);
    Prepare(definitions, admit, verdicts, defined, wanted, series);
    if (wanted.empty()) return absl::OkStatus();
    MetricIds known;
    RETURN_IF_ERROR(LoadMetricIds(series, known));
    RETURN_IF_ERROR(ReserveIds(series.size()));
    ASSIGN_OR_RETURN(const bool done, Create(series, known, generation));
    if (!done) continue;  // a flush came in between, or others took the ids
    for (size_t k = 0; k < wanted.size(); ++k) {
      defined[wanted[k]] = series[k].defined;
    }
    return absl::OkStatus();
  }
}

absl::StatusOr<uint64_t> IndexImpl::Restore(
    uint64_t id, const IndexDefinition& definition) {
  if (id == 0 || id >= UINT32_MAX) {
    return base::DataLoss("series id ", id, " in a definition");
  }
  const std::span<const IndexDefinition> one(&definition, 1);
  std::vector<IndexDefined> defined(1);
  while (true) {
    Wanted wanted = {0};
    uint64_t generation = 0;
    uint64_t flushed_end = 0;
    FindInRam(one, defined, wanted, generation);
    {
      ReaderLock lock(mutex_);
      flushed_end = flushed_end_;
    }
    bool lost = false;  // and back with this definition
    if (id < flushed_end) {
      RETURN_IF_ERROR(FindInTables(one, defined, wanted, lost));
    }
    if (wanted.empty()) {
      if (defined[0].refused != model::Refusal::kNone) {
        return base::DataLoss("definition of series ", id,
                              " has the hash of another one");
      }
      if (defined[0].id != id) {
        base::LogWarn("definition of series ", id, " is that of series ",
                      defined[0].id);
      }
      return defined[0].id;
    }
    std::vector<Prepared> series(1);
    series[0].definition = &definition;
    series[0].id = id;
    if (const absl::Status split =
            SplitLabels(definition.labels, series[0].labels);
        !split.ok()) {
      return base::DataLoss("definition of series ", id, ": ",
                            base::Message(split));
    }
    MetricIds known;
    RETURN_IF_ERROR(LoadMetricIds(series, known));
    ASSIGN_OR_RETURN(const bool done, Create(series, known, generation));
    if (done) return id;
  }
}

IndexStats IndexImpl::stats() const {
  IndexStats stats;
  {
    ReaderLock lock(mutex_);
    const auto add = [&stats](const RamPart& part) {
      stats.series_in_ram += static_cast<int64_t>(part.series);
      for (const auto& [id, tenant] : part.tenants) {
        stats.ram_bytes += static_cast<int64_t>(tenant->memory_bytes());
      }
    };
    add(*live_);
    if (frozen_ != nullptr) add(*frozen_->series);
    stats.series = static_cast<int64_t>(series_flushed_) + stats.series_in_ram;
  }
  stats.page_cache_bytes = tables_.page_cache().bytes();
  stats.disk_bytes = tables_.db().TotalBytes();
  stats.disk_rows = tables_.db().FamilyRows(*tables_.post);
  stats.hash_collisions = hash_collisions_.load();
  return stats;
}

}  // namespace varve::storage
