// From the labels a series came with to the labels it is stored under, or to
// the reason why it is not. Asked once for each series that is not in the
// table of known series.
//
// Lifetime: immutable; a reload makes a new one and gives it to the inserter,
//           which then asks again for every series.
// Threads:  all members from any thread.
#ifndef VARVE_LIB_INGEST_SERIES_RULES_H_
#define VARVE_LIB_INGEST_SERIES_RULES_H_

#include <vector>

#include "lib/ingest/series_check.h"
#include "lib/ingest/series_table.h"
#include "lib/model/label.h"

namespace varve::ingest {

class SeriesRules {
 public:
  explicit SeriesRules(const SeriesLimits& limits) : limits_(limits) {}

  // In this order: sets `extra_labels`, which win over those of the series;
  // checks the limits; removes labels without a value. `labels` may come
  // unsorted and repeated.
  Rejection Apply(const std::vector<model::Label>& extra_labels,
                  std::vector<model::Label>& labels) const;

  const SeriesLimits& limits() const { return limits_; }

 private:
  const SeriesLimits limits_;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_SERIES_RULES_H_
