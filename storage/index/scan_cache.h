// Ids that regular expressions found in the flushed postings: a scan over all
// values of a label costs 0.2 us a value, and dashboards ask the same ones again.
//
// A result belongs to a generation of the postings, which each flush ends.
//
// Bounded: `bytes_max`, the least recently used ones let go.
// Threads: any thread.
#ifndef VARVE_STORAGE_INDEX_SCAN_CACHE_H_
#define VARVE_STORAGE_INDEX_SCAN_CACHE_H_

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "lib/base/mutex.h"
#include "lib/model/tenant.h"
#include "storage/index/posting.h"

namespace varve::storage {

class ScanCache {
 public:
  using Key = std::pair<model::TenantId, std::string>;
  using Ids = std::shared_ptr<const IdSet>;

  explicit ScanCache(int64_t bytes_max) : bytes_max_(bytes_max) {}

  // Null when it is not there or of another generation.
  Ids Find(const Key& key, uint64_t generation) {
    base::MutexLock lock(mutex_);
    const auto it = places_.find(key);
    if (it == places_.end() || it->second->generation != generation) {
      return nullptr;
    }
    entries_.splice(entries_.begin(), entries_, it->second);
    return it->second->ids;
  }

  void Put(const Key& key, uint64_t generation, Ids ids) {
    const auto bytes =
        static_cast<int64_t>(ids->getSizeInBytes() + 2 * key.second.size()) +
        kEntryBytes;
    if (bytes > bytes_max_ / 4) return;
    base::MutexLock lock(mutex_);
    const auto it = places_.find(key);
    if (it != places_.end()) Drop(it->second);
    entries_.push_front({key, generation, bytes, std::move(ids)});
    places_[key] = entries_.begin();
    bytes_ += bytes;
    while (bytes_ > bytes_max_) Drop(std::prev(entries_.end()));
  }

  void Clear() {
    base::MutexLock lock(mutex_);
    places_.clear();
    entries_.clear();
    bytes_ = 0;
  }

 private:
  static constexpr int64_t kEntryBytes = 200;
  struct Entry {
    Key key;
    uint64_t generation;
    int64_t bytes;
    Ids ids;
  };
  using List = std::list<Entry>;

  void Drop(List::iterator it) REQUIRES_LOCK(mutex_) {
    bytes_ -= it->bytes;
    places_.erase(it->key);
    entries_.erase(it);
  }

  const int64_t bytes_max_;
  base::Mutex mutex_;
  List entries_ GUARDED_BY(mutex_);  // the last used one first
  absl::flat_hash_map<Key, List::iterator> places_ GUARDED_BY(mutex_);
  int64_t bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_INDEX_SCAN_CACHE_H_
