// The tails of flushed generations, and from when on a head has everything.
//
// Of the samples in blocks those from complete_from_ms() on are also in a
// tail; so a search that begins there or later needs no blocks. A sample dated
// into the future holds that time back only if its tail is let go.
//
// Threads: none of this locks; storage/head/head.cc does.
#ifndef VARVE_STORAGE_HEAD_HEAD_TAILS_H_
#define VARVE_STORAGE_HEAD_HEAD_TAILS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "storage/head/head.h"
#include "storage/head/head_tail.h"

namespace varve::storage {

class HeadTails {
 public:
  explicit HeadTails(int64_t complete_from_ms)
      : complete_from_ms_(complete_from_ms) {}

  // Keeps the tail of a generation of these stats; what former tails have from
  // before its first time is let go. Work on a copy of what readers see.
  void Add(const HeadStats& stats, HeadTailBuilder tail, int64_t bytes_max);
  // Blocks have samples of up to this time that the head never had.
  void NeedBlocksUntil(int64_t timestamp_ms);
  void NotCompleteBefore(int64_t from_ms);

  int64_t complete_from_ms() const { return complete_from_ms_; }
  int64_t bytes() const;
  const std::vector<std::shared_ptr<const HeadTail>>& tails() const {
    return tails_;
  }

 private:
  void Keep(HeadTail tail);
  void DropOldest();

  int64_t complete_from_ms_;
  std::vector<std::shared_ptr<const HeadTail>> tails_;  // oldest first
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_HEAD_HEAD_TAILS_H_
