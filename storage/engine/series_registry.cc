#include "storage/engine/series_registry.h"

#include <algorithm>
#include <utility>

namespace varve::storage {

void SeriesRegistry::Add(const model::TenantId& tenant,
                         std::span<const uint64_t> ids) {
  base::MutexLock lock(mutex_);
  const uint32_t owner = NumberOf(tenant);
  for (const uint64_t id : ids) SetOwner(id, owner);
}

void SeriesRegistry::MarkLoaded(const model::TenantId& tenant) {
  base::MutexLock lock(mutex_);
  loaded_[NumberOf(tenant) - 1] = true;
}

bool SeriesRegistry::loaded(const model::TenantId& tenant) const {
  base::MutexLock lock(mutex_);
  const auto it = numbers_.find(tenant);
  return it != numbers_.end() && loaded_[it->second - 1];
}

void SeriesRegistry::Remove(std::span<const uint64_t> ids) {
  if (ids.empty()) return;
  base::MutexLock lock(mutex_);
  for (const uint64_t id : ids) {
    if (OwnerOf(id) == 0) continue;
    Page& at = pages_[id / kPageIds];
    if (at.owners == nullptr) {
      at.owners = std::make_unique<uint32_t[]>(kPageIds);
      std::fill_n(at.owners.get(), kPageIds, std::exchange(at.owner, 0));
      at.filled = kPageIds;
    }
    at.owners[id % kPageIds] = 0;
    if (--at.filled == 0) at.owners.reset();
  }
  ++removals_;
}

int64_t SeriesRegistry::CountUnknown(const model::TenantId& tenant,
                                     std::span<const uint64_t> ids) const {
  base::MutexLock lock(mutex_);
  const auto it = numbers_.find(tenant);
  if (it == numbers_.end()) return static_cast<int64_t>(ids.size());
  int64_t unknown = 0;
  // Ids come in the order of scrapes, so that most follow one of their page.
  uint64_t own_page = UINT64_MAX;
  for (const uint64_t id : ids) {
    const uint64_t page = id / kPageIds;
    if (page == own_page) continue;
    if (OwnerOf(id) != it->second) {
      ++unknown;
    } else if (pages_[page].owners == nullptr) {
      own_page = page;
    }
  }
  return unknown;
}

std::optional<model::TenantId> SeriesRegistry::TenantOf(uint64_t id) const {
  base::MutexLock lock(mutex_);
  const uint32_t owner = OwnerOf(id);
  if (owner == 0) return std::nullopt;
  return tenants_[owner - 1];
}

uint32_t SeriesRegistry::OwnerOf(uint64_t id) const {
  const uint64_t page = id / kPageIds;
  if (page >= pages_.size()) return 0;
  const Page& at = pages_[page];
  return at.owners == nullptr ? at.owner : at.owners[id % kPageIds];
}

void SeriesRegistry::SetOwner(uint64_t id, uint32_t owner) {
  const uint64_t page = id / kPageIds;
  if (page >= pages_.size()) pages_.resize(page + 1);
  Page& at = pages_[page];
  if (at.owners == nullptr) {
    if (at.owner != 0) return;  // the whole page is known
    at.owners = std::make_unique<uint32_t[]>(kPageIds);
  }
  uint32_t& slot = at.owners[id % kPageIds];
  if (slot != 0) return;
  slot = owner;
  if (++at.filled < kPageIds) return;
  const uint32_t first = at.owners[0];
  if (std::all_of(at.owners.get(), at.owners.get() + kPageIds,
                  [first](uint32_t one) { return one == first; })) {
    at.owner = first;
    at.owners.reset();
  }
}

uint32_t SeriesRegistry::NumberOf(const model::TenantId& tenant) {
  const auto [it, is_new] =
      numbers_.emplace(tenant, static_cast<uint32_t>(tenants_.size() + 1));
  if (is_new) {
    tenants_.push_back(tenant);
    loaded_.push_back(false);
  }
  return it->second;
}

}  // namespace varve::storage
