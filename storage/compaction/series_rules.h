// What deletes, retention and downsampling leave of a series' samples; the
// same code when a search reads and when a rewrite writes.
//
// In:      what one segment or head generation gave, then all of a series'
//          samples, sorted and deduplicated.
// Out:     the same columns, shorter. Nothing is moved in time or changed.
// Threads: free functions without state; a RuleBook never changes and is read
//          from any thread.
// Cost:    one pass over the samples, nothing allocated. Callers skip all of
//          it while the book is empty.
#ifndef VARVE_STORAGE_COMPACTION_SERIES_RULES_H_
#define VARVE_STORAGE_COMPACTION_SERIES_RULES_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "lib/model/downsampling.h"
#include "lib/model/exemplar.h"
#include "lib/model/histogram.h"
#include "lib/model/sample.h"
#include "lib/model/start_run.h"
#include "lib/model/tenant.h"
#include "lib/model/time_range.h"

namespace varve::storage {

// Hides, inside `range`, what segments and head generations of a lower
// generation hold.
struct DeletedSpan {
  uint64_t below_generation = 0;
  model::TimeRange range;
  friend bool operator==(const DeletedSpan&, const DeletedSpan&) = default;
};

using DownsampleStep = model::DownsampleStep;

struct SeriesRules {
  int64_t oldest_ms = 0;  // samples before it are out of retention
  std::vector<DeletedSpan> deleted;
  model::DownsampleSteps downsampling;

  void clear() {
    oldest_ms = 0;
    deleted.clear();
    downsampling.clear();
  }
};

// The rules of all series at one moment.
class RuleBook {
 public:
  virtual ~RuleBook() = default;

  // No series has any rule.
  virtual bool empty() const = 0;
  // Fills `rules`, reusing its memory, with what holds for a series beyond the
  // node's own retention; false when that is nothing. `labels` are canonical
  // bytes (lib/model/label.h). Reads labels only if a filter asks for them.
  virtual bool RulesOf(const model::TenantId& tenant, uint64_t series_id,
                       std::string_view labels, SeriesRules& rules) const = 0;
};

// Whether deletes hide a row of that generation: for rows of other kinds.
inline bool IsDeleted(const SeriesRules& rules, uint64_t generation,
                      int64_t timestamp_ms) {
  for (const DeletedSpan& span : rules.deleted) {
    if (generation < span.below_generation &&
        span.range.Contains(timestamp_ms)) {
      return true;
    }
  }
  return false;
}

// Takes out of `samples` what deletes hide of its rows from `from` on, which
// are of one segment or head generation numbered `generation`.
void HideDeleted(const SeriesRules& rules, uint64_t generation, size_t from,
                 model::SampleColumns& samples);
void HideDeleted(const SeriesRules& rules, uint64_t generation, size_t from,
                 model::HistogramColumns& histograms);
void HideDeleted(const SeriesRules& rules, uint64_t generation, size_t from,
                 std::vector<model::Exemplar>& exemplars);
void HideDeleted(const SeriesRules& rules, uint64_t generation, size_t from,
                 model::StartRuns& starts);

// Retention and downsampling at `now_ms` (lib/model/downsampling.h).
// REQUIRES: timestamps >= 0 that never decrease.
void ApplyRules(const SeriesRules& rules, int64_t now_ms,
                model::SampleColumns& samples);
void ApplyRules(const SeriesRules& rules, int64_t now_ms,
                model::HistogramColumns& histograms);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_COMPACTION_SERIES_RULES_H_
