// What searches hold in memory together, under one bound.
//
// A cursor says how much it holds each time that changes; above the bound it
// fails, and the others go on.
//
// Threads: all members of SearchMemory from any thread; a share is its
//          cursor's.
#ifndef VARVE_STORAGE_ENGINE_SEARCH_MEMORY_H_
#define VARVE_STORAGE_ENGINE_SEARCH_MEMORY_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "lib/base/status.h"

namespace varve::storage {

class SearchMemory {
 public:
  // `bound` names the bound in the error.
  SearchMemory(int64_t bytes_max, std::string bound)
      : bytes_max_(bytes_max), bound_(std::move(bound)) {}

  int64_t used_bytes() const { return used_bytes_; }
  int64_t bytes_max() const { return bytes_max_; }

  class Share {
   public:
    explicit Share(SearchMemory& memory) : memory_(memory) {}
    ~Share() { memory_.used_bytes_ -= bytes_; }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // The cursor holds so much now.
    absl::Status Set(int64_t bytes) {
      const int64_t more = bytes - bytes_;
      const int64_t used = memory_.used_bytes_.fetch_add(more) + more;
      bytes_ = bytes;
      if (more <= 0 || used <= memory_.bytes_max_) return absl::OkStatus();
      return base::ResourceExhausted(
          "searches hold ", used, " bytes, ", bytes,
          " of them this one, above ", memory_.bound_, "=",
          memory_.bytes_max_, "; narrow down the search or raise the flag");
    }

   private:
    SearchMemory& memory_;
    int64_t bytes_ = 0;
  };

 private:
  const int64_t bytes_max_;
  const std::string bound_;
  std::atomic<int64_t> used_bytes_{0};
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_SEARCH_MEMORY_H_
