#include "storage/head/head_tails.h"

#include <algorithm>
#include <limits>

namespace varve::storage {
namespace {

// Generations that are flushed within a lookback of each other, and those
// with samples of the future.
constexpr size_t kTailsMax = 8;

constexpr int64_t kAlways = std::numeric_limits<int64_t>::max();

int64_t After(int64_t timestamp_ms) {
  return timestamp_ms == kAlways ? kAlways : timestamp_ms + 1;
}

}  // namespace

void HeadTails::NeedBlocksUntil(int64_t timestamp_ms) {
  NotCompleteBefore(After(timestamp_ms));
}

void HeadTails::NotCompleteBefore(int64_t from_ms) {
  complete_from_ms_ = std::max(complete_from_ms_, from_ms);
}

void HeadTails::Keep(HeadTail tail) {
  if (tail.empty()) return;
  tails_.push_back(std::make_shared<const HeadTail>(std::move(tail)));
}

void HeadTails::DropOldest() {
  NeedBlocksUntil(tails_.front()->max_ms());
  tails_.erase(tails_.begin());
}

int64_t HeadTails::bytes() const {
  int64_t bytes = 0;
  for (const auto& tail : tails_) bytes += tail->bytes();
  return bytes;
}

void HeadTails::Add(const HeadStats& stats, HeadTailBuilder tail,
                    int64_t bytes_max) {
  const int64_t from_ms = tail.from_ms();
  std::vector<std::shared_ptr<const HeadTail>> before;
  before.swap(tails_);
  for (const auto& tail : before) {
    NotCompleteBefore(std::min(from_ms, After(tail->max_ms())));
    if (tail->max_ms() >= from_ms) Keep(tail->From(from_ms));
  }
  if (stats.min_ms < from_ms) {
    NotCompleteBefore(std::min(from_ms, After(stats.max_ms)));
  }
  if (tail.over()) {
    NeedBlocksUntil(stats.max_ms);
  } else {
    Keep(tail.Finish());
  }
  while (tails_.size() > kTailsMax || (!tails_.empty() && bytes() > bytes_max)) {
    DropOldest();
  }
}

}  // namespace varve::storage
