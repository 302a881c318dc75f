// The series that insert nodes of a level above have defined here: tenant and
// labels by the ref that rows name them with.
//
// In memory only. Refs count from 1 and are never given twice by a process;
// who has a ref of before its start, or of a series that was dropped, defines
// it anew. Senders above share the refs.
//
// Bounded: at `bytes_max` the series whose rows came longest ago go, those of
// the last two periods of ten minutes excepted; is that not enough, no more are
// taken.
//
// Threads: all members from any thread; one lock, held for a batch.
#ifndef VARVE_LIB_INGEST_UPPER_LEVEL_SERIES_H_
#define VARVE_LIB_INGEST_UPPER_LEVEL_SERIES_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/model/label.h"
#include "lib/model/refusal.h"
#include "lib/model/tenant.h"
#include "lib/protocol/sample_batch.h"

namespace varve::ingest {

class UpperLevelSeries {
 public:
  explicit UpperLevelSeries(int64_t bytes_max,
                            const base::Clock& clock = base::SystemClock());

  struct Definition {
    model::TenantId tenant;
    std::string_view labels;  // canonical bytes
  };
  struct Defined {
    uint64_t ref = 0;  // 0 when refused
    model::Refusal refused = model::Refusal::kNone;
  };
  // Replaces `defined`, one for each of `series`. ResourceExhausted when there
  // is no room; some may be defined then.
  absl::Status Define(std::span<const Definition> series,
                      std::vector<Defined>& defined);

  // Replaces `labels` by those of `refs`, in `arena`. False when one of them is
  // unknown or not the tenant's.
  bool LabelsOf(const model::TenantId& tenant, std::span<const uint64_t> refs,
                protocol::Arena& arena, std::vector<std::string_view>& labels);

  int64_t size() const;
  int64_t bytes() const;

 private:
  struct Series {
    model::TenantId tenant;
    model::SeriesHash hash;
    std::string labels;
    int64_t period = 0;  // when it was last used
  };
  static int64_t BytesOf(const Series& series);
  int64_t Period() const;
  absl::Status MakeRoom(int64_t period) REQUIRES_LOCK(mutex_);
  // Keeps those used in the last `periods`, the one of now included.
  void Sweep(int64_t period, int64_t periods) REQUIRES_LOCK(mutex_);
  Defined DefineOne(const Definition& one, int64_t period)
      REQUIRES_LOCK(mutex_);

  const int64_t bytes_max_;
  const base::Clock& clock_;
  mutable base::Mutex mutex_;
  absl::flat_hash_map<uint64_t, Series> by_ref_ GUARDED_BY(mutex_);
  absl::flat_hash_map<model::SeriesHash, uint64_t> by_hash_ GUARDED_BY(mutex_);
  uint64_t last_ref_ GUARDED_BY(mutex_) = 0;
  int64_t bytes_ GUARDED_BY(mutex_) = 0;
  int64_t swept_period_ GUARDED_BY(mutex_) = -1;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_UPPER_LEVEL_SERIES_H_
