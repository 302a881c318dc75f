// Reads series in key order out of one day's blocks.
//
// A caller asks for ascending series keys; the scan steps where the next key
// is near and seeks where it is not. One family is scanned for an open day,
// the day's part of `closed` for an older one.
//
// Errors:  what the iterator says; damaged segments and damaged blocks of
//          tables are counted, what is around them is read.
// Threads: one.
#ifndef VARVE_STORAGE_ENGINE_DAY_SCAN_H_
#define VARVE_STORAGE_ENGINE_DAY_SCAN_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "lib/model/sample.h"
#include "lib/model/tenant.h"
#include "lib/model/time_range.h"
#include "storage/block/segment.h"
#include "storage/kv/kv.h"

namespace varve::storage {

class DayScan {
 public:
  // `closed`: keys of `family` begin with their day.
  DayScan(const KvDb& db, const KvFamilyRef& family, bool closed, int32_t day,
          const model::TenantId& tenant, const KvSnapshotRef& snapshot);

  // Appends the series' samples in `range`. REQUIRES: keys ascend over calls.
  absl::Status Read(uint64_t metric_id, uint64_t series_id,
                    const model::TimeRange& range, model::SampleColumns& out,
                    SegmentReadStats& stats);

 private:
  std::unique_ptr<KvIterator> iterator_;
  std::string key_;  // day and tenant stay, metric and series change
  size_t prefix_bytes_ = 0;
  bool begun_ = false;
  bool at_end_ = false;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_DAY_SCAN_H_
