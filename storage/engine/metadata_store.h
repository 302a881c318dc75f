// Metadata of metrics: in memory, written with each flush, read back at start.
//
// Bounded by `bytes_max`: over it, what was not written for longest goes and
// is counted. A metric whose metadata is sent again unchanged is young again.
//
// Rows in the family meta:
//   key   := "metadata/" tenant_kind:u8 tenant_id:u64 BE metric
//   value := written_ms:i64 type:u8 help:varint-prefixed unit:varint-prefixed
//
// Threads: all members from any thread.
#ifndef VARVE_STORAGE_ENGINE_METADATA_STORE_H_
#define VARVE_STORAGE_ENGINE_METADATA_STORE_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/mutex.h"
#include "lib/model/metadata.h"
#include "lib/model/tenant.h"

namespace varve::storage {

inline constexpr std::string_view kMetadataPrefix = "metadata/";

class MetadataStore {
 public:
  explicit MetadataStore(int64_t bytes_max) : bytes_max_(bytes_max) {}

  // The later write counts.
  void Put(const model::TenantId& tenant,
           const model::MetricMetadata& metadata, int64_t written_ms);

  // A row of the family; `key` has the prefix.
  absl::Status Load(std::string_view key, std::string_view value);
  // Rows that changed since the last call; without a value they are to be
  // deleted.
  using Changes = std::map<std::string, std::optional<std::string>>;
  Changes TakeChanges();

  // By metric; `metric` "": all. At most `limit`; 0: no limit.
  std::vector<model::StoredMetadata> List(const model::TenantId& tenant,
                                          std::string_view metric,
                                          int64_t limit) const;

  int64_t bytes() const { return bytes_; }
  int64_t bytes_max() const { return bytes_max_; }
  int64_t evictions() const { return evictions_; }

 private:
  struct Entry {
    model::StoredMetadata stored;
    int64_t kept_ms = 0;  // written_ms of its row on disk
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  void PutLocked(const std::string& key, model::StoredMetadata stored,
                 int64_t kept_ms) REQUIRES_LOCK(mutex_);
  void Evict() REQUIRES_LOCK(mutex_);

  const int64_t bytes_max_;
  mutable base::Mutex mutex_;
  Entries entries_ GUARDED_BY(mutex_);  // by key of the row
  std::set<std::pair<int64_t, std::string>> by_age_ GUARDED_BY(mutex_);
  std::set<std::string> changed_ GUARDED_BY(mutex_);
  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> evictions_{0};
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_METADATA_STORE_H_
