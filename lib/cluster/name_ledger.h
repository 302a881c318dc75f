// Which tenants' names all nodes that are up have registered.
//
// A write under a name comes after its registration on every node that is up;
// while neither the ring nor the nodes that are up change, once is enough.
//
// Threads: all members from any thread.
#ifndef VARVE_LIB_CLUSTER_NAME_LEDGER_H_
#define VARVE_LIB_CLUSTER_NAME_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "lib/base/mutex.h"
#include "lib/model/tenant.h"

namespace varve::cluster {

class NameLedger {
 public:
  // True when `tenant` was noted under this view's generation and liveness.
  bool Has(const model::Tenant& tenant, uint32_t generation,
           uint32_t liveness) const {
    base::MutexLock lock(mutex_);
    const auto found = noted_.find(tenant.name);
    return found != noted_.end() &&
           found->second == Noted{tenant.id.id, {generation, liveness}};
  }
  void Note(const model::Tenant& tenant, uint32_t generation,
            uint32_t liveness) {
    base::MutexLock lock(mutex_);
    if (noted_.size() >= kNamesMax) noted_.clear();
    noted_[tenant.name] = {tenant.id.id, {generation, liveness}};
  }

 private:
  // More than storage nodes register; about 200 bytes each.
  static constexpr size_t kNamesMax = 100'000;
  using Noted = std::pair<uint64_t, std::pair<uint32_t, uint32_t>>;

  mutable base::Mutex mutex_;
  absl::flat_hash_map<std::string, Noted> noted_ GUARDED_BY(mutex_);
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_NAME_LEDGER_H_
