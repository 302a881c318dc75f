// Bytes a query holds, given back when their owner is destroyed.
//
// Threads: the account is shared by a query's threads; a charge has one owner.
#ifndef VARVE_LIB_EVAL_MEMORY_CHARGE_H_
#define VARVE_LIB_EVAL_MEMORY_CHARGE_H_

#include <atomic>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "lib/base/memory_pool.h"
#include "lib/base/status.h"

namespace varve::eval {

class MemoryAccount {
 public:
  // 0: no limit. `pool`, of all queries, may be null.
  explicit MemoryAccount(int64_t bytes_max, base::MemoryPool* pool = nullptr)
      : bytes_max_(bytes_max), pool_(pool) {}

  // ResourceExhausted naming the flag; the bytes count all the same, until
  // they are given back.
  absl::Status Add(int64_t bytes) {
    const int64_t now = bytes_.fetch_add(bytes) + bytes;
    int64_t peak = peak_.load();
    while (now > peak && !peak_.compare_exchange_weak(peak, now)) {
    }
    const bool fits_pool = pool_ == nullptr || pool_->Add(bytes);
    if (bytes_max_ <= 0 || now <= bytes_max_) {
      if (fits_pool) return absl::OkStatus();
      return base::ResourceExhausted(
          "not enough memory for processing the query: all queries together "
          "need more than ", pool_->bytes_max(),
          " bytes; try later, or see -memory.allowedPercent and "
          "-search.maxConcurrentRequests");
    }
    return base::ResourceExhausted(
        "not enough memory for processing the query: it needs more than ",
        bytes_max_, " bytes; see -search.maxMemoryPerQuery");
  }
  void Remove(int64_t bytes) {
    bytes_.fetch_sub(bytes);
    if (pool_ != nullptr) pool_->Remove(bytes);
  }
  int64_t peak() const { return peak_.load(); }

 private:
  const int64_t bytes_max_;
  base::MemoryPool* const pool_;
  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> peak_{0};
};

class MemoryCharge {
 public:
  MemoryCharge() = default;
  MemoryCharge(MemoryCharge&& other) noexcept { *this = std::move(other); }
  MemoryCharge& operator=(MemoryCharge&& other) noexcept {
    if (this != &other) {
      Release();
      account_ = std::exchange(other.account_, nullptr);
      bytes_ = std::exchange(other.bytes_, 0);
    }
    return *this;
  }
  ~MemoryCharge() { Release(); }

  absl::Status Add(MemoryAccount& account, int64_t bytes) {
    account_ = &account;
    bytes_ += bytes;
    return account.Add(bytes);
  }

 private:
  void Release() {
    if (account_ != nullptr) account_->Remove(bytes_);
    bytes_ = 0;
  }
  MemoryAccount* account_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_MEMORY_CHARGE_H_
