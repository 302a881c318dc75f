// Queries: ids by matchers and days, labels by ids, names, values, counts.
#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "storage/index/index_impl.h"

namespace varve::storage {
namespace {

using base::ReaderLock;

// Up to about this many series, decoding their labels is quicker than
// meeting their ids with the postings of every value.
constexpr uint64_t kDecodeSeriesMax = 4096;
// Series of one round of ForEachSeries: what is copied under the lock.
constexpr size_t kRoundSeries = 1024;
// Values whose postings are looked at between two looks at the clock.
constexpr size_t kVisitedUnasked = 256;

void SortUnique(std::vector<std::string>& texts, int64_t limit) {
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  if (limit > 0 && texts.size() > static_cast<size_t>(limit)) {
    texts.resize(static_cast<size_t>(limit));
  }
}

// Name and value of each label of canonical bytes from the index itself.
template <typename Fn>
void ForEachLabel(std::string_view canonical, const Fn& fn) {
  base::ByteReader reader(canonical);
  while (reader.ok() && !reader.empty()) {
    const std::string_view name = reader.LengthPrefixed();
    const std::string_view value = reader.LengthPrefixed();
    if (reader.ok()) fn(name, value);
  }
}

}  // namespace

DayRange IndexImpl::Kept(const DayRange& days) const {
  return {std::max(days.first, first_kept_day_.load()), days.last};
}

absl::Status IndexImpl::ForEachSource(
    const model::TenantId& tenant,
    const std::function<absl::Status(const PostingSource&)>& fn) const {
  std::shared_ptr<const FrozenPart> frozen;
  KvSnapshotRef snapshot;
  uint64_t shard = 0;
  {
    ReaderLock lock(mutex_);
    frozen = frozen_;
    shard = next_shard_;
    // Under the lock: what is live now is not in it.
    snapshot = tables_.db().Snapshot();
    if (const RamTenant* const live = live_->Find(tenant)) {
      RETURN_IF_ERROR(fn(*live));
    }
  }
  // The write that puts the part into RocksDB counts the shards up.
  ASSIGN_OR_RETURN(const uint64_t written,
                   tables_.Meta("next_shard", snapshot));
  if (frozen != nullptr && written <= shard) {
    if (const RamTenant* const part = frozen->series->Find(tenant)) {
      RETURN_IF_ERROR(fn(*part));
    }
  }
  return fn(TablePostings(tables_, tenant, std::move(snapshot), written));
}

absl::StatusOr<std::optional<IdSet>> IndexImpl::Restriction(
    const model::TenantId& tenant, std::span<const model::Matchers> groups,
    const DayRange& days, const base::Alive* alive) const {
  ASSIGN_OR_RETURN(const PreparedGroups prepared,
                   PreparedGroups::Make(groups, alive));
  if (prepared.all() && days.all()) return std::optional<IdSet>();
  IdSet active;
  if (!days.all()) {
    RETURN_IF_ERROR(AddActive(tenant, days, active));
    if (prepared.all() || active.isEmpty()) {
      return std::optional<IdSet>(std::move(active));
    }
  }
  IdSet matching;
  RETURN_IF_ERROR(ForEachSource(tenant, [&](const PostingSource& source) {
    return prepared.AddMatching(source, matching);
  }));
  if (!days.all()) matching &= active;
  return std::optional<IdSet>(std::move(matching));
}

absl::StatusOr<std::vector<uint64_t>> IndexImpl::Select(
    const model::TenantId& tenant, std::span<const model::Matchers> groups,
    const DayRange& days, const base::Alive* alive) const {
  ASSIGN_OR_RETURN(const std::optional<IdSet> restriction,
                   Restriction(tenant, groups, days, alive));
  if (restriction) return ToIds(*restriction);
  IdSet all;
  RETURN_IF_ERROR(ForEachSource(tenant, [&](const PostingSource& source) {
    return source.AddPair("", "", all);
  }));
  ReaderLock lock(mutex_);
  all -= dying_;
  return ToIds(all);
}

absl::Status IndexImpl::ForEachSeries(
    const model::TenantId& tenant, std::span<const uint64_t> ids,
    const std::function<void(const IndexSeries&)>& fn,
    bool fill_cache) const {
  struct Found {
    bool found = false;
    uint32_t metric_id = 0;
    size_t begin = 0;
    size_t size = 0;
  };
  std::vector<Found> round;
  std::string texts;
  PageCache::PageRef page;
  uint64_t page_number = UINT64_MAX;
  for (size_t begin = 0; begin < ids.size(); begin += kRoundSeries) {
    const size_t n = std::min(kRoundSeries, ids.size() - begin);
    round.assign(n, {});
    texts.clear();
    const auto find = [&](const RamTenant* ram) {
      if (ram == nullptr) return;
      std::optional<uint32_t> place;
      for (size_t i = 0; i < n; ++i) {
        if (round[i].found || ids[begin + i] > UINT32_MAX) continue;
        place = ram->FindId(static_cast<uint32_t>(ids[begin + i]),
                            place.value_or(0));
        if (!place) continue;
        round[i] = {true, ram->metric_id(*place), texts.size(), 0};
        ram->AppendCanonical(*place, texts);
        round[i].size = texts.size() - round[i].begin;
      }
    };
    std::shared_ptr<const FrozenPart> frozen;
    {
      ReaderLock lock(mutex_);
      frozen = frozen_;
      find(live_->Find(tenant));
    }
    if (frozen != nullptr) find(frozen->series->Find(tenant));
    for (size_t i = 0; i < n; ++i) {
      const uint64_t id = ids[begin + i];
      IndexSeries series{begin + i, id, round[i].metric_id, {}};
      if (round[i].found) {
        series.labels =
            std::string_view(texts).substr(round[i].begin, round[i].size);
        fn(series);
        continue;
      }
      const auto slot = static_cast<uint32_t>(id % kPageSeries);
      if (page == nullptr || page_number != id >> kPageShift ||
          !page->Has(slot)) {
        ASSIGN_OR_RETURN(page, tables_.FindPage(tenant, id, fill_cache));
        page_number = id >> kPageShift;
        if (page == nullptr) continue;
      }
      series.metric_id = page->metric_id(slot);
      series.labels = page->labels(slot);
      fn(series);
    }
  }
  return absl::OkStatus();
}

absl::Status IndexImpl::KeepSlots(const model::TenantId& tenant,
                                  const model::SlotSet& slots,
                                  std::vector<uint64_t>& ids) const {
  std::vector<int32_t> found;
  tables_.slot_table().Find(ids, found);
  std::vector<uint64_t> unknown;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (found[i] == SlotTable::kUnknown) unknown.push_back(ids[i]);
  }
  if (!unknown.empty()) {
    std::vector<int32_t> learned(unknown.size(), SlotTable::kUnknown);
    RETURN_IF_ERROR(
        ForEachSeries(tenant, unknown, [&](const IndexSeries& series) {
          learned[series.position] =
              model::SlotOf(model::HashSeries(tenant, series.labels));
        }));
    tables_.slot_table().Put(unknown, learned);
    size_t next = 0;
    for (int32_t& slot : found) {
      if (slot == SlotTable::kUnknown) slot = learned[next++];
    }
  }
  size_t kept = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    // Still unknown: the series has left the index meanwhile.
    if (found[i] != SlotTable::kUnknown &&
        slots.Has(static_cast<uint16_t>(found[i]))) {
      ids[kept++] = ids[i];
    }
  }
  ids.resize(kept);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> IndexImpl::LabelNames(
    const model::TenantId& tenant, std::span<const model::Matchers> groups,
    const DayRange& days, int64_t limit, const base::Alive* alive) const {
  ASSIGN_OR_RETURN(const std::optional<IdSet> restriction,
                   Restriction(tenant, groups, days, alive));
  std::vector<std::string> names;
  if (restriction && restriction->cardinality() <= kDecodeSeriesMax) {
    absl::flat_hash_map<std::string, bool> seen;
    RETURN_IF_ERROR(ForEachSeries(
        tenant, ToIds(*restriction), [&](const IndexSeries& series) {
          ForEachLabel(series.labels,
                       [&](std::string_view name, std::string_view) {
                         seen.try_emplace(base::ToAbsl(name), true);
                       });
        }));
    for (const auto& [name, yes] : seen) names.push_back(name);
    SortUnique(names, limit);
    return names;
  }
  RETURN_IF_ERROR(ForEachSource(
      tenant, [&](const PostingSource& source) -> absl::Status {
        std::vector<std::string> candidates;
        RETURN_IF_ERROR(source.AddNames(candidates));
        for (std::string& name : candidates) {
          if (restriction) {
            IdSet present;
            RETURN_IF_ERROR(source.AddPair(name, "", present));
            if (!present.intersect(*restriction)) continue;
          }
          names.push_back(std::move(name));
        }
        return absl::OkStatus();
      }));
  SortUnique(names, limit);
  return names;
}

absl::StatusOr<std::vector<std::string>> IndexImpl::LabelValues(
    const model::TenantId& tenant, std::span<const model::Matchers> groups,
    const DayRange& days, std::string_view label, int64_t limit,
    const base::Alive* alive) const {
  ASSIGN_OR_RETURN(const std::optional<IdSet> restriction,
                   Restriction(tenant, groups, days, alive));
  std::vector<std::string> values;
  size_t visited = 0;
  if (restriction && restriction->cardinality() <= kDecodeSeriesMax) {
    absl::flat_hash_map<std::string, bool> seen;
    RETURN_IF_ERROR(ForEachSeries(
        tenant, ToIds(*restriction), [&](const IndexSeries& series) {
          ForEachLabel(series.labels,
                       [&](std::string_view name, std::string_view value) {
                         if (name == label) {
                           seen.try_emplace(base::ToAbsl(value), true);
                         }
                       });
        }));
    for (const auto& [value, yes] : seen) values.push_back(value);
    SortUnique(values, limit);
    return values;
  }
  RETURN_IF_ERROR(ForEachSource(tenant, [&](const PostingSource& source) {
    return source.VisitValues(
        label, "",
        [&](std::string_view, std::string_view value,
            const PostingView& posting) -> absl::StatusOr<bool> {
          if (!values.empty() && values.back() == value) return true;
          if (++visited % kVisitedUnasked == 0) {
            RETURN_IF_ERROR(base::CheckAlive(alive));
          }
          if (restriction) {
            IdSet ids;
            RETURN_IF_ERROR(posting.AddTo(ids));
            if (!ids.intersect(*restriction)) return true;
          }
          values.emplace_back(value);
          return true;
        });
  }));
  SortUnique(values, limit);
  return values;
}

}  // namespace varve::storage
