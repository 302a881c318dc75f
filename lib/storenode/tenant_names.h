// The names of the tenants of kind 1, each under its id.
//
// Kept through Engine::PutState under tenant/<id>, so that a name is logged and
// fsynced before Register returns, and is in every snapshot. A name stays when
// its tenant's data goes: another name must never read what comes back.
//
// Errors:  InvalidArgument for what is no tenant with a name;
//          OutOfRange over kTenantNamesMax, which no repeating cures; the
//          engine's.
// Threads: all members from any thread.
#ifndef VARVE_LIB_STORENODE_TENANT_NAMES_H_
#define VARVE_LIB_STORENODE_TENANT_NAMES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/mutex.h"
#include "lib/model/tenant.h"
#include "lib/telemetry/metrics.h"
#include "proto/varve_rpc.pb.h"
#include "storage/engine/engine.h"

namespace varve::storenode {

// Half of what the engine keeps of states: any header makes a name.
inline constexpr size_t kTenantNamesMax = 50'000;

class TenantNames {
 public:
  // Both outlive it.
  TenantNames(storage::Engine* engine, telemetry::Metrics* metrics);
  ~TenantNames();

  // Keeps the names that are new. refused[i]: another name has the id of
  // tenants[i], and nothing may be written under it.
  absl::Status Register(std::span<const model::Tenant> tenants,
                        std::vector<bool>& refused);

  // "" when it has none.
  std::string NameOf(const model::TenantId& tenant) const;

  // Whose data a request about `tenant` is to see: where another name has the
  // id, a tenant that never has any.
  absl::StatusOr<model::TenantId> Readable(const proto::Tenant& tenant) const;

 private:
  // False where another name has the id.
  absl::StatusOr<bool> RegisterOne(const model::Tenant& tenant)
      REQUIRES_LOCK(register_mutex_);

  storage::Engine* const engine_;
  telemetry::Metrics* const metrics_;
  telemetry::Counter* const collisions_;
  // One registration at a time, held over the log's fsync; then names_mutex_.
  base::Mutex register_mutex_;
  mutable base::Mutex names_mutex_;
  absl::flat_hash_map<uint64_t, std::string> names_ GUARDED_BY(names_mutex_);
};

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_TENANT_NAMES_H_
