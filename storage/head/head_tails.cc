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

void HeadTails::Add(const HeadGeneration& generation, int64_t from_ms,
                    int64_t bytes_max) {
  std::vector<std::shared_ptr<const HeadTail>> before;
  before.swap(tails_);
  for (const auto& tail : before) {
    NotCompleteBefore(std::min(from_ms, After(tail->max_ms())));
    if (tail->max_ms() >= from_ms) Keep(tail->From(from_ms));
  }
  const HeadStats stats = generation.Stats();
  if (stats.min_ms < from_ms) {
    NotCompleteBefore(std::min(from_ms, After(stats.max_ms)));
  }
  HeadTail tail(generation.number());
  if (stats.max_ms >= from_ms) {
    model::SampleColumns samples;
    for (const uint64_t id : generation.SeriesIds()) {
      samples.clear();
      generation.Read(id, {from_ms, kAlways}, samples);
      if (samples.empty()) continue;
      model::SortAndDedup(samples, {.interval_ms = 0, .keep_all = true});
      tail.Add(id, samples);
      // Too much already: what follows is not to be built.
      if (tail.bytes() > bytes_max) break;
    }
  }
  if (tail.bytes() > bytes_max) {
    NeedBlocksUntil(stats.max_ms);
  } else {
    Keep(std::move(tail));
  }
  while (tails_.size() > kTailsMax || (!tails_.empty() && bytes() > bytes_max)) {
    DropOldest();
  }
}

}  // namespace varve::storage
