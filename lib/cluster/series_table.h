// Series of several nodes by hash, filled from several threads.
//
// Threads: Add from any; TakeAll once, when nobody adds any more.
#ifndef VARVE_LIB_CLUSTER_SERIES_TABLE_H_
#define VARVE_LIB_CLUSTER_SERIES_TABLE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "lib/base/memory_pool.h"
#include "lib/base/mutex.h"
#include "lib/model/label.h"
#include "lib/model/sample.h"
#include "lib/model/start_run.h"
#include "lib/wire/series_batch.h"

namespace varve::cluster {

struct HeldSeries {
  std::string labels;  // canonical bytes
  model::SampleColumns samples;
  model::HistogramColumns histograms;
  std::vector<model::Exemplar> exemplars;
  model::StartRuns starts;
  bool of_several = false;  // samples of nodes that differ, not yet in order
};

class SeriesTable {
 public:
  // 0: no limit. `pool`, of all searches, may be null; it gets the bytes back
  // when the table goes, whoever has the series then.
  explicit SeriesTable(int64_t bytes_max, base::MemoryPool* pool = nullptr)
      : bytes_max_(bytes_max), pool_(pool) {}
  ~SeriesTable() {
    if (pool_ != nullptr) pool_->Remove(bytes_.load());
  }
  SeriesTable(const SeriesTable&) = delete;
  SeriesTable& operator=(const SeriesTable&) = delete;

  // The same samples again cost nothing. ResourceExhausted over the limit.
  absl::Status Add(wire::WireSeries series);
  std::vector<HeldSeries> TakeAll();

 private:
  // A power of two well above the threads that add.
  static constexpr size_t kShards = 16;
  struct Shard {
    base::Mutex mutex;
    absl::flat_hash_map<model::SeriesHash, HeldSeries> series
        GUARDED_BY(mutex);
  };

  absl::Status Charge(size_t bytes);

  const int64_t bytes_max_;
  base::MemoryPool* const pool_;
  std::atomic<int64_t> bytes_{0};
  std::array<Shard, kShards> shards_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_SERIES_TABLE_H_
