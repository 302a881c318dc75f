// Which tenant a series id belongs to: what the append path asks of every ref.
//
// A page of 4,096 ids that all belong to one tenant is one word; a mixed page
// has a word for each id. Tenants are filled in when first written to.
//
// Threads: all members from any thread.
// Cost:    1 to 2 ns for each id of a check.
#ifndef VARVE_STORAGE_ENGINE_SERIES_REGISTRY_H_
#define VARVE_STORAGE_ENGINE_SERIES_REGISTRY_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/mutex.h"
#include "lib/model/tenant.h"

namespace varve::storage {

class SeriesRegistry {
 public:
  // Every id of `ids` is the tenant's; ids known already are left alone.
  void Add(const model::TenantId& tenant, std::span<const uint64_t> ids);
  // Ids of the tenant that were created before this process were added.
  void MarkLoaded(const model::TenantId& tenant);
  bool loaded(const model::TenantId& tenant) const;

  // The ids are nobody's from now on.
  void Remove(std::span<const uint64_t> ids);
  // Grows with each Remove: what was known before may not be after.
  uint64_t removals() const { return removals_.load(); }

  // How many of `ids` are not the tenant's.
  int64_t CountUnknown(const model::TenantId& tenant,
                       std::span<const uint64_t> ids) const;
  // Nothing when the id was never added.
  std::optional<model::TenantId> TenantOf(uint64_t id) const;

 private:
  static constexpr uint64_t kPageIds = 4096;
  struct Page {
    uint32_t owner = 0;   // of all ids, while `owners` is null
    uint32_t filled = 0;  // ids with an owner, while `owners` is set
    std::unique_ptr<uint32_t[]> owners;
  };

  uint32_t OwnerOf(uint64_t id) const REQUIRES_LOCK(mutex_);
  void SetOwner(uint64_t id, uint32_t owner) REQUIRES_LOCK(mutex_);
  uint32_t NumberOf(const model::TenantId& tenant) REQUIRES_LOCK(mutex_);

  std::atomic<uint64_t> removals_{0};
  mutable base::Mutex mutex_;
  // Numbers count from 1; 0 is nobody.
  absl::flat_hash_map<model::TenantId, uint32_t> numbers_ GUARDED_BY(mutex_);
  std::vector<model::TenantId> tenants_ GUARDED_BY(mutex_);
  std::vector<bool> loaded_ GUARDED_BY(mutex_);
  std::vector<Page> pages_ GUARDED_BY(mutex_);
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_SERIES_REGISTRY_H_
