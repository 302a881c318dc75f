#include "lib/cluster/given_series.h"

#include <utility>

namespace varve::cluster {
namespace {

int64_t BytesOf(const std::vector<model::SeriesHash>& series) {
  return static_cast<int64_t>(series.capacity() * sizeof(model::SeriesHash));
}

int64_t BytesOf(const absl::flat_hash_set<model::SeriesHash>& series) {
  constexpr size_t kControlBytes = 1;  // of each slot
  return static_cast<int64_t>(series.capacity() *
                              (sizeof(model::SeriesHash) + kControlBytes));
}

}  // namespace

void GivenSeries::Add(size_t share,
                      std::span<const model::SeriesHash> series) {
  if (!complete_) return;
  if (share >= given_.size()) given_.resize(share + 1);
  std::vector<model::SeriesHash>& given = given_[share];
  const int64_t before = BytesOf(given);
  given.insert(given.end(), series.begin(), series.end());
  Charge(BytesOf(given) - before);
}

void GivenSeries::Ended(size_t share) {
  if (share >= given_.size()) return;
  const std::vector<model::SeriesHash> ended = std::move(given_[share]);
  given_[share] = {};
  memory_.Remove(BytesOf(ended));
}

void GivenSeries::Failed(size_t share) {
  if (share >= given_.size()) return;
  const int64_t before = BytesOf(failed_);
  failed_.insert(given_[share].begin(), given_[share].end());
  Charge(BytesOf(failed_) - before);
  Ended(share);
}

void GivenSeries::Charge(int64_t bytes) {
  if (memory_.Add(bytes)) return;
  complete_ = false;
  given_ = {};
  failed_ = {};
}

}  // namespace varve::cluster
