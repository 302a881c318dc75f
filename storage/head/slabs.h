// A vector whose elements never move and which grows by whole slabs.
//
// Threads: none of this locks.
#ifndef VARVE_STORAGE_HEAD_SLABS_H_
#define VARVE_STORAGE_HEAD_SLABS_H_

#include <cstdint>
#include <memory>
#include <vector>

namespace varve::storage {

template <typename T, uint32_t kSlab>
class Slabs {
  static_assert((kSlab & (kSlab - 1)) == 0);

 public:
  uint32_t size() const { return size_; }
  T& at(uint32_t i) { return slabs_[i / kSlab][i % kSlab]; }
  const T& at(uint32_t i) const { return slabs_[i / kSlab][i % kSlab]; }

  // The number of the new element, which is T{}.
  uint32_t Add() {
    if (size_ % kSlab == 0) slabs_.push_back(std::make_unique<T[]>(kSlab));
    return size_++;
  }
  int64_t bytes() const {
    return static_cast<int64_t>(slabs_.size() * kSlab * sizeof(T) +
                                slabs_.capacity() * sizeof(slabs_[0]));
  }

 private:
  std::vector<std::unique_ptr<T[]>> slabs_;
  uint32_t size_ = 0;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_HEAD_SLABS_H_
