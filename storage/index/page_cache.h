// Decoded label pages, the least recently used ones let go.
//
// Threads: any thread.
#ifndef VARVE_STORAGE_INDEX_PAGE_CACHE_H_
#define VARVE_STORAGE_INDEX_PAGE_CACHE_H_

#include <cstdint>
#include <list>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "lib/base/mutex.h"
#include "lib/model/tenant.h"
#include "storage/index/label_page.h"

namespace varve::storage {

class PageCache {
 public:
  using Key = std::pair<model::TenantId, uint64_t>;  // tenant, page number
  using PageRef = std::shared_ptr<const LabelPage>;

  explicit PageCache(int64_t bytes_max) : bytes_max_(bytes_max) {}

  PageRef Find(const Key& key) {
    base::MutexLock lock(mutex_);
    const auto it = places_.find(key);
    if (it == places_.end()) return nullptr;
    pages_.splice(pages_.begin(), pages_, it->second);
    return it->second->second;
  }

  // Replaces what is there: the newer page has more series.
  void Put(const Key& key, PageRef page) {
    base::MutexLock lock(mutex_);
    bytes_ += static_cast<int64_t>(page->memory_bytes());
    const auto it = places_.find(key);
    if (it != places_.end()) {
      Drop(it->second);
    }
    pages_.emplace_front(key, std::move(page));
    places_[key] = pages_.begin();
    while (bytes_ > bytes_max_ && pages_.size() > 1) {
      Drop(std::prev(pages_.end()));
    }
  }

  void Erase(const Key& key) {
    base::MutexLock lock(mutex_);
    const auto it = places_.find(key);
    if (it != places_.end()) Drop(it->second);
  }

  int64_t bytes() const {
    base::MutexLock lock(mutex_);
    return bytes_;
  }

 private:
  using List = std::list<std::pair<Key, PageRef>>;

  void Drop(List::iterator it) REQUIRES_LOCK(mutex_) {
    bytes_ -= static_cast<int64_t>(it->second->memory_bytes());
    places_.erase(it->first);
    pages_.erase(it);
  }

  const int64_t bytes_max_;
  mutable base::Mutex mutex_;
  List pages_ GUARDED_BY(mutex_);  // the last used one first
  absl::flat_hash_map<Key, List::iterator> places_ GUARDED_BY(mutex_);
  int64_t bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_INDEX_PAGE_CACHE_H_
