// From the labels a series came with to the labels it shall be stored under.
// Asked once for each series that is not in the table of known series; what
// comes out is then held against the limits of its tenant (series_check.h).
//
// Lifetime: immutable; a reload makes a new one and gives it to the inserter,
//           which then asks again for every series.
// Threads:  all members from any thread.
#ifndef VARVE_LIB_INGEST_SERIES_RULES_H_
#define VARVE_LIB_INGEST_SERIES_RULES_H_

#include <vector>

#include "lib/model/label.h"

namespace varve::ingest {

class SeriesRules {
 public:
  // Sets `extra_labels`, which win over those of the series. `labels` may come
  // unsorted and repeated.
  void Apply(const std::vector<model::Label>& extra_labels,
             std::vector<model::Label>& labels) const;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_SERIES_RULES_H_
