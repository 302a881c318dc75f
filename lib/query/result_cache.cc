#include "lib/query/result_cache.h"

#include "lib/eval/value.h"

namespace varve::query {

int64_t CachedResult::bytes() const {
  size_t bytes = sizeof(CachedResult) + text.size();
  for (const eval::ResultSeries& one : series) {
    bytes += sizeof(one) + one.values.size() * sizeof(double) +
             eval::HistogramBytes(one.histograms);
    for (const model::Label& label : one.labels) {
      bytes += sizeof(label) + label.name.size() + label.value.size();
    }
  }
  for (const OutcomeCollector::Read& read : reads) {
    bytes += sizeof(read) + read.histories.size() * sizeof(read.histories[0]);
  }
  for (const std::string& info : infos) bytes += sizeof(info) + info.size();
  return static_cast<int64_t>(bytes);
}

int64_t ResultCache::BytesOf(const Entry& entry) {
  // The key is in the list and in the table.
  return entry.second->bytes() +
         static_cast<int64_t>(2 * entry.first.size() + 128);
}

CachedResultPtr ResultCache::Find(const std::string& key) {
  base::MutexLock lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  recent_.splice(recent_.begin(), recent_, found->second);
  return found->second->second;
}

bool ResultCache::Put(const std::string& key, CachedResultPtr result) {
  Entry entry(key, std::move(result));
  const int64_t bytes = BytesOf(entry);
  base::MutexLock lock(mutex_);
  EraseLocked(key);
  if (bytes > bytes_max_ / 4) return false;
  while (bytes_ + bytes > bytes_max_) {
    const std::string oldest = recent_.back().first;
    EraseLocked(oldest);
  }
  recent_.push_front(std::move(entry));
  by_key_[key] = recent_.begin();
  bytes_ += bytes;
  return true;
}

void ResultCache::Erase(const std::string& key) {
  base::MutexLock lock(mutex_);
  EraseLocked(key);
}

void ResultCache::EraseLocked(const std::string& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  const auto entry = found->second;
  bytes_ -= BytesOf(*entry);
  by_key_.erase(found);
  recent_.erase(entry);
}

void ResultCache::Clear() {
  base::MutexLock lock(mutex_);
  recent_.clear();
  by_key_.clear();
  bytes_ = 0;
}

std::vector<std::pair<std::string, CachedResultPtr>> ResultCache::OldestFirst()
    const {
  base::MutexLock lock(mutex_);
  return {recent_.rbegin(), recent_.rend()};
}

int64_t ResultCache::bytes() const {
  base::MutexLock lock(mutex_);
  return bytes_;
}

int64_t ResultCache::entries() const {
  base::MutexLock lock(mutex_);
  return static_cast<int64_t>(recent_.size());
}

}  // namespace varve::query
