// Which series have samples on which day: marks in memory over sets on disk.
//
// A day's set is that of disk, then the frozen part's marks, then the live
// ones. A flush moves marks the same way, and applying them twice changes
// nothing: readers copy the live ones first and disk last.
#include <algorithm>
#include <set>

#include "lib/base/status.h"
#include "storage/index/index_impl.h"

namespace varve::storage {
namespace {

using base::ReaderLock;

// Marks of the tenant in `days`.
template <typename Fn>
void ForEachMark(const ActiveMarks& marks, const model::TenantId& tenant,
                 const DayRange& days, const Fn& fn) {
  for (auto it = marks.lower_bound({tenant, days.first});
       it != marks.end() && it->first.first == tenant &&
       it->first.second <= days.last;
       ++it) {
    fn(it->first.second, it->second);
  }
}

IdSet SetOf(std::span<const uint64_t> ids) {
  const std::vector<uint32_t> narrow(ids.begin(), ids.end());
  IdSet set;
  set.addMany(narrow.size(), narrow.data());
  return set;
}

}  // namespace

void IndexImpl::MarkActive(const model::TenantId& tenant, int32_t day,
                           std::span<const uint64_t> ids) {
  std::vector<uint32_t> narrow(ids.begin(), ids.end());
  base::MutexLock lock(marks_mutex_);
  DayMarks& marks = marks_[{tenant, day}];
  marks.active.addMany(narrow.size(), narrow.data());
  if (!marks.inactive.isEmpty()) marks.inactive -= marks.active;
}

absl::Status IndexImpl::MarkInactive(const model::TenantId& tenant,
                                     const DayRange& days,
                                     std::span<const uint64_t> ids) {
  const IdSet gone = SetOf(ids);
  std::map<int32_t, IdSet> by_day;
  RETURN_IF_ERROR(ActiveByDay(tenant, Kept(days), by_day));
  base::MutexLock lock(marks_mutex_);
  for (auto& [day, active] : by_day) {
    active &= gone;
    if (active.isEmpty()) continue;
    DayMarks& marks = marks_[{tenant, day}];
    marks.inactive |= active;
    marks.active -= active;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int32_t>> IndexImpl::ActiveDays(
    const model::TenantId& tenant, const DayRange& days,
    std::span<const uint64_t> ids) const {
  const IdSet wanted = SetOf(ids);
  std::map<int32_t, IdSet> by_day;
  RETURN_IF_ERROR(ActiveByDay(tenant, Kept(days), by_day));
  std::vector<int32_t> found;
  for (const auto& [day, active] : by_day) {
    if (wanted.intersect(active)) found.push_back(day);
  }
  return found;
}

absl::Status IndexImpl::ActiveByDay(const model::TenantId& tenant,
                                    const DayRange& days,
                                    std::map<int32_t, IdSet>& by_day) const {
  std::map<int32_t, DayMarks> live;
  std::shared_ptr<const FrozenPart> frozen;
  {
    ReaderLock lock(mutex_);
    frozen = frozen_;
    base::MutexLock marks_lock(marks_mutex_);
    ForEachMark(marks_, tenant, days,
                [&live](int32_t day, const DayMarks& one) { live[day] = one; });
  }
  RETURN_IF_ERROR(tables_.AddActiveByDay(tenant, days, by_day));
  const auto apply = [&by_day](int32_t day, const DayMarks& one) {
    one.ApplyTo(by_day[day]);
  };
  if (frozen != nullptr) ForEachMark(frozen->marks, tenant, days, apply);
  for (const auto& [day, one] : live) apply(day, one);
  return absl::OkStatus();
}

absl::Status IndexImpl::AddActive(const model::TenantId& tenant,
                                  const DayRange& days, IdSet& ids) const {
  const DayRange kept = Kept(days);
  bool any_inactive = false;
  IdSet marked;
  const auto look = [&](int32_t, const DayMarks& marks) {
    any_inactive |= !marks.inactive.isEmpty();
    marked |= marks.active;
  };
  {
    ReaderLock lock(mutex_);
    base::MutexLock marks_lock(marks_mutex_);
    ForEachMark(marks_, tenant, kept, look);
    if (frozen_ != nullptr) ForEachMark(frozen_->marks, tenant, kept, look);
  }
  if (!any_inactive) {
    Unite(std::move(marked), ids);
    return tables_.AddActive(tenant, kept, ids);
  }
  std::map<int32_t, IdSet> by_day;
  RETURN_IF_ERROR(ActiveByDay(tenant, kept, by_day));
  for (const auto& [day, active] : by_day) ids |= active;
  return absl::OkStatus();
}

absl::Status IndexImpl::AddMarks(const ActiveMarks& marks,
                                 RowSink& rows) const {
  for (const auto& [key, marked] : marks) {
    const auto& [tenant, day] = key;
    if (day < first_kept_day_.load()) continue;
    const std::string row = ActiveKey(tenant, day);
    ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                     tables_.db().Get(*tables_.active, row));
    IdSet ids;
    if (bytes) RETURN_IF_ERROR(AddIdSet(*bytes, ids));
    IdSet after = ids;
    marked.ApplyTo(after);
    if (after == ids) continue;
    std::string value;
    AppendIdSet(value, after);
    RETURN_IF_ERROR(rows.Put(tables_.active, row, value));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<model::TenantId>> IndexImpl::Tenants(
    const DayRange& days) const {
  const DayRange kept = Kept(days);
  std::set<model::TenantId> tenants;
  std::set<model::TenantId> doubtful;  // marks take series away
  const auto add = [&](const ActiveMarks& marks) {
    for (const auto& [key, one] : marks) {
      if (key.second < kept.first || key.second > kept.last) continue;
      tenants.insert(key.first);
      if (!one.inactive.isEmpty()) doubtful.insert(key.first);
    }
  };
  {
    ReaderLock lock(mutex_);
    base::MutexLock marks_lock(marks_mutex_);
    add(marks_);
    if (frozen_ != nullptr) add(frozen_->marks);
  }
  std::string none;
  IdSet empty;
  AppendIdSet(none, empty);
  const auto it = tables_.db().Scan(tables_.active, {});
  for (it->SeekToFirst(); it->Valid();) {
    const auto parts = ParseActiveKey(it->key());
    if (!parts) return base::DataLoss("index has a damaged key of a day");
    if (parts->day < kept.first) {
      it->Seek(ActiveKey(parts->tenant, kept.first));
      continue;
    }
    if (parts->day <= kept.last && it->value() == none) {
      it->Next();
      continue;
    }
    if (parts->day <= kept.last) tenants.insert(parts->tenant);
    it->Seek(ActiveKey(parts->tenant, INT32_MAX) + '\0');
  }
  RETURN_IF_ERROR(it->status());
  for (const model::TenantId& tenant : doubtful) {
    IdSet ids;
    RETURN_IF_ERROR(AddActive(tenant, days, ids));
    if (ids.isEmpty()) tenants.erase(tenant);
  }
  return std::vector<model::TenantId>(tenants.begin(), tenants.end());
}

}  // namespace varve::storage
