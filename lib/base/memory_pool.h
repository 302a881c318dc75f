// Memory that many pieces of work hold together, with a bound.
//
// Threads: all members from any thread.
#ifndef VARVE_LIB_BASE_MEMORY_POOL_H_
#define VARVE_LIB_BASE_MEMORY_POOL_H_

#include <atomic>
#include <cstdint>

namespace varve::base {

class MemoryPool {
 public:
  // 0: no bound.
  explicit MemoryPool(int64_t bytes_max) : bytes_max_(bytes_max) {}
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  // False when all together hold too much; the bytes count all the same,
  // until they are given back.
  bool Add(int64_t bytes) {
    const int64_t now = bytes_.fetch_add(bytes) + bytes;
    return bytes_max_ <= 0 || now <= bytes_max_;
  }
  void Remove(int64_t bytes) { bytes_.fetch_sub(bytes); }

  int64_t bytes() const { return bytes_.load(); }
  int64_t bytes_max() const { return bytes_max_; }

 private:
  const int64_t bytes_max_;
  std::atomic<int64_t> bytes_{0};
};

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_MEMORY_POOL_H_
