// A node's own rows by series, and what another node has more than them.
//
// Rows are the distinct samples of a read with keep_all: two samples at one
// timestamp are two rows if their bits differ. Of start timestamps a row is
// the start of one sample.
//
// Threads: belongs to one.
#ifndef VARVE_LIB_REPAIR_MISSING_ROWS_H_
#define VARVE_LIB_REPAIR_MISSING_ROWS_H_

#include <cstddef>

#include "absl/container/flat_hash_map.h"
#include "lib/model/histogram.h"
#include "lib/model/label.h"
#include "lib/model/sample.h"
#include "lib/model/start_run.h"
#include "storage/engine/engine.h"

namespace varve::repair {

// Of one series; columns sorted by time.
struct SeriesRows {
  model::SampleColumns samples;
  model::HistogramColumns histograms;
  model::StartRuns starts;

  bool empty() const {
    return samples.empty() && histograms.empty() && starts.empty();
  }
};

class OwnRows {
 public:
  // Takes the rows of `series`, whose hash is filled.
  void Add(storage::SearchSeries& series);
  // What of `theirs` is not here.
  SeriesRows MissingOf(const model::SeriesHash& hash,
                       SeriesRows theirs) const;

 private:
  absl::flat_hash_map<model::SeriesHash, SeriesRows> series_;
};

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_MISSING_ROWS_H_
