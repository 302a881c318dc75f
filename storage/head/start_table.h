// Start timestamps of recent samples in memory, as runs: a part of one
// generation of storage/head/kind_head.h.
//
// In:      runs of series by their persistent ids, in any order.
// Out:     runs in no promised order, perhaps overlapping: callers join those
//          of head and blocks (model::JoinRuns).
// Layout:  shards by id, each with a short lock. A series whose start does not
//          change has one run, which its next samples make longer: some 60
//          bytes however many samples come.
// Threads: every member from any thread.
#ifndef VARVE_STORAGE_HEAD_START_TABLE_H_
#define VARVE_STORAGE_HEAD_START_TABLE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/mutex.h"
#include "lib/encoding/data_record_kinds.h"
#include "lib/model/start_run.h"
#include "lib/model/time_range.h"

namespace varve::storage {

class StartTable {
 public:
  bool empty() const { return series_ == 0; }
  int64_t bytes() const { return bytes_; }

  void Append(std::span<const encoding::StartRow> rows);
  void Delete(std::span<const uint64_t> series_ids,
              const model::TimeRange& range);
  // Appends what lies inside `range`, cut to it.
  void Read(uint64_t series_id, const model::TimeRange& range,
            model::StartRuns& out) const;
  // Appends all, in no order.
  void AppendIds(std::vector<uint64_t>& ids) const;

 private:
  struct Held {
    model::StartRun last;  // begins last
    std::unique_ptr<model::StartRuns> others;
  };
  static constexpr size_t kShards = 16;
  struct Shard {
    mutable base::Mutex mutex;
    absl::flat_hash_map<uint64_t, Held> series GUARDED_BY(mutex);
  };

  void Add(Held& held, const model::StartRun& run);
  void AddOther(Held& held, const model::StartRun& run);
  Shard& ShardOf(uint64_t id) { return shards_[id % kShards]; }
  const Shard& ShardOf(uint64_t id) const { return shards_[id % kShards]; }

  std::array<Shard, kShards> shards_;
  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> series_{0};
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_HEAD_START_TABLE_H_
