// Retention and downsampling by series: what -retentionFilter and
// -downsampling.period say of one series at one moment.
//
// Of several matching retention filters the shortest holds, of downsampling
// rules the first. Both are applied when reading at once, on disk when a day
// is rewritten.
//
// Threads: never changes; shared.
#ifndef VARVE_STORAGE_RETENTION_SERIES_RETENTION_H_
#define VARVE_STORAGE_RETENTION_SERIES_RETENTION_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "lib/model/downsampling.h"
#include "lib/model/series_filter.h"
#include "lib/model/tenant.h"

namespace varve::storage {

class SeriesRetention {
 public:
  SeriesRetention(std::vector<model::RetentionFilter> filters,
                  model::DownsampleRules downsampling);

  // Samples before `oldest_ms` are out of retention: 0 where no filter
  // matches. `labels` are canonical bytes.
  void RulesOf(const model::TenantId& tenant, std::string_view labels,
               int64_t now_ms, int64_t& oldest_ms,
               model::DownsampleSteps& steps) const;

  // The longest downsampling interval; 0 without.
  int64_t interval_ms_max() const { return interval_ms_max_; }

  // Samples from here on are as they were written.
  int64_t UntouchedMs(int64_t now_ms) const;

  // How much of the rules holds for all of a day by now: 0 for nothing yet.
  // A day is rewritten when its stage has grown.
  uint64_t Stage(int32_t day, int64_t now_ms) const;

 private:
  const std::vector<model::RetentionFilter> filters_;
  const model::DownsampleRules downsampling_;
  int64_t interval_ms_max_ = 0;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_RETENTION_SERIES_RETENTION_H_
