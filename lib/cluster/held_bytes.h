// What a read holds beside the series it merges, within the bounds of a query
// and of all queries.
//
// Threads: belongs to the read's.
#ifndef VARVE_LIB_CLUSTER_HELD_BYTES_H_
#define VARVE_LIB_CLUSTER_HELD_BYTES_H_

#include <cstdint>

#include "lib/base/memory_pool.h"

namespace varve::cluster {

class HeldBytes {
 public:
  // 0: no bound. `pool`, of all queries, may be null.
  HeldBytes(int64_t bytes_max, base::MemoryPool* pool)
      : bytes_max_(bytes_max), pool_(pool) {}
  ~HeldBytes() { Clear(); }
  HeldBytes(const HeldBytes&) = delete;
  HeldBytes& operator=(const HeldBytes&) = delete;

  // False when that is too much: then nothing counts as held any more.
  bool Add(int64_t bytes) {
    bytes_ += bytes;
    const bool pool_has_room = pool_ == nullptr || pool_->Add(bytes);
    if (pool_has_room && (bytes_max_ <= 0 || bytes_ <= bytes_max_)) return true;
    Clear();
    return false;
  }
  void Remove(int64_t bytes) {
    if (pool_ != nullptr) pool_->Remove(bytes);
    bytes_ -= bytes;
  }
  void Clear() { Remove(bytes_); }

 private:
  const int64_t bytes_max_;
  base::MemoryPool* const pool_;
  int64_t bytes_ = 0;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_HELD_BYTES_H_
