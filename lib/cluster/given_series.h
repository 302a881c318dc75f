// Which series of a read's shares have been given out: when a node fails within
// its share, those are left out of what others read instead of it.
//
// 16 bytes a series, as long as its share may fail: a read of a million series
// holds 16 to 32 MB until the first node ends. When that is too much all are
// forgotten, and no share that fails can be made up for: the read does not
// fail for what may never be needed.
//
// Threads: belongs to the read's; Has from any while nobody changes it.
#ifndef VARVE_LIB_CLUSTER_GIVEN_SERIES_H_
#define VARVE_LIB_CLUSTER_GIVEN_SERIES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "lib/cluster/held_bytes.h"
#include "lib/model/label.h"

namespace varve::cluster {

class GivenSeries {
 public:
  // As HeldBytes.
  GivenSeries(int64_t bytes_max, base::MemoryPool* pool)
      : memory_(bytes_max, pool) {}

  // Shares are numbered from 0 on.
  void Add(size_t share, std::span<const model::SeriesHash> series);
  // It is complete: its series are not asked for again.
  void Ended(size_t share);
  // They will be.
  void Failed(size_t share);

  // Whether a share that failed gave the series.
  bool Has(const model::SeriesHash& series) const {
    return failed_.contains(series);
  }
  // False: some that were given are not known any more.
  bool complete() const { return complete_; }

 private:
  void Charge(int64_t bytes);

  HeldBytes memory_;
  bool complete_ = true;
  // By share, while it runs.
  std::vector<std::vector<model::SeriesHash>> given_;
  absl::flat_hash_set<model::SeriesHash> failed_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_GIVEN_SERIES_H_
