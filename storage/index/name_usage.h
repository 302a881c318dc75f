// How often the series of each metric name were asked for, and when last.
//
// A query that reads series of a name counts one for it on each node that has
// some. Names that were never read are not here: they are the index's.
//
// Bounded:    `bytes_max` of memory; names beyond are not counted.
// Durability: Save, and that is enough: after a crash the counts of the last
//             minute are missing.
// Threads:    all members from any thread.
#ifndef VARVE_STORAGE_INDEX_NAME_USAGE_H_
#define VARVE_STORAGE_INDEX_NAME_USAGE_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/mutex.h"
#include "lib/model/tenant.h"
#include "storage/kv/kv.h"

namespace varve::storage {

struct NameUsageEntry {
  std::string name;
  int64_t queries = 0;
  int64_t last_s = 0;  // Unix time of the last one; 0: never
};

class NameUsage {
 public:
  // `db` is the index's and outlives this; `now_s` is the beginning of the
  // counts when it has none yet.
  NameUsage(KvDb& db, int64_t bytes_max) : db_(db), bytes_max_(bytes_max) {}
  absl::Status Load(int64_t now_s);

  void Count(const model::TenantId& tenant, std::string_view name,
             int64_t now_s);
  // Of one tenant, in no order.
  std::vector<NameUsageEntry> List(const model::TenantId& tenant) const;
  // Nothing was asked for when it never was.
  NameUsageEntry Find(const model::TenantId& tenant,
                      std::string_view name) const;
  int64_t since_s() const { return since_s_.load(); }

  // What changed since the last Save.
  absl::Status Save();
  // Forgets all counts of all tenants.
  absl::Status Reset(int64_t now_s);

  int64_t bytes() const;

 private:
  using Key = std::pair<model::TenantId, std::string>;
  struct Usage {
    int64_t queries = 0;
    int64_t last_s = 0;
    bool changed = false;
  };

  KvDb& db_;
  const int64_t bytes_max_;
  std::atomic<int64_t> since_s_{0};
  base::Mutex save_mutex_;  // one Save or Reset at a time
  mutable base::Mutex mutex_;
  absl::flat_hash_map<Key, Usage> usage_ GUARDED_BY(mutex_);
  int64_t bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_INDEX_NAME_USAGE_H_
