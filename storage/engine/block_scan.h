// Reads series in key order out of all blocks of a range of days.
//
// One iterator walks `closed`, whatever the number of days, and one each open
// day. Keys lead with their day, so that a series after the other would seek
// back and forth between the days: a scan loads the values of a few series at
// a time, day after day, and gives them out series by series. How many it
// loads follows their size: about kLoadBytes of compressed values are in
// memory, but for a single series that has more.
//
//   scan.Load(series)  -> n: values of series[0 .. n) are here
//   scan.Read(i, ...)  samples of series[i]
//
// Errors:  what the iterators say; damaged segments and damaged blocks of
//          tables are counted, what is around them is read.
// Threads: one.
#ifndef VARVE_STORAGE_ENGINE_BLOCK_SCAN_H_
#define VARVE_STORAGE_ENGINE_BLOCK_SCAN_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/model/exemplar.h"
#include "lib/model/histogram.h"
#include "lib/model/sample.h"
#include "lib/model/start_run.h"
#include "lib/model/tenant.h"
#include "lib/model/time_range.h"
#include "storage/block/segment.h"
#include "storage/block/timestamp_column.h"
#include "storage/engine/data_families.h"
#include "storage/kv/kv.h"

namespace varve::storage {

struct ScanSeries {
  uint32_t metric_id = 0;
  uint32_t position = 0;  // the caller's
  uint64_t id = 0;
};

class BlockScan {
 public:
  static constexpr int64_t kLoadBytes = 1 << 20;

  // Pins what it reads at `snapshot`. No iterator is opened before Load.
  // `fill_cache` as in KvScan.
  BlockScan(const KvDb& db, const BlockFamilies& blocks,
            const model::TenantId& tenant, const model::TimeRange& range,
            KvSnapshotRef snapshot, bool fill_cache);

  // REQUIRES: not empty; keys ascend, over calls too.
  absl::StatusOr<size_t> Load(std::span<const ScanSeries> series,
                              SegmentReadStats& stats);
  // Appends the samples of the i-th series of the last Load that lie in the
  // range. REQUIRES: i is less than what it returned.
  absl::Status Read(size_t i, model::SampleColumns& out,
                    SegmentReadStats& stats,
                    const SegmentVisitor& visitor = nullptr);
  // Likewise of its other kinds, of which Read counts the first two in
  // stats.other_kinds.
  void ReadHistograms(size_t i, model::HistogramColumns& out,
                      SegmentReadStats& stats,
                      const SegmentVisitor& visitor = nullptr) const;
  void ReadExemplars(size_t i, std::vector<model::Exemplar>& out,
                     SegmentReadStats& stats,
                     const SegmentVisitor& visitor = nullptr) const;
  void ReadStarts(size_t i, model::StartRuns& out, SegmentReadStats& stats,
                  const SegmentVisitor& visitor = nullptr) const;
  int64_t memory_bytes() const;
  // Of values, compressed, since the beginning.
  int64_t loaded_bytes() const { return loaded_bytes_; }

 private:
  struct Source {
    KvFamilyRef family;
    bool closed = false;
    int32_t day = 0;
    std::shared_ptr<KvIterator> iterator;  // null: not begun
    bool at_end = false;
    bool placed = false;  // the iterator stands in this day
  };
  struct Value {
    uint32_t series = 0;
    uint32_t source = 0;
    size_t begin = 0;
    size_t size = 0;
  };

  void Begin(Source& source);
  absl::Status Find(size_t source, const ScanSeries& series, uint32_t index,
                    SegmentReadStats& stats);
  void KeepFirst(uint32_t series);

  const KvDb& db_;
  const model::TenantId tenant_;
  const model::TimeRange range_;
  const KvSnapshotRef snapshot_;
  const bool fill_cache_;
  std::vector<Source> sources_;  // by day, as samples come
  std::shared_ptr<KvIterator> closed_iterator_;
  std::string tenant_key_;
  std::string key_;
  ColumnReader columns_;

  size_t batch_ = 16;
  std::string bytes_;
  int64_t loaded_bytes_ = 0;
  std::vector<Value> values_;     // by series, then by source
  std::vector<uint32_t> begins_;  // of each series in values_
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_BLOCK_SCAN_H_
