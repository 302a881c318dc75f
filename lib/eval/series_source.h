// Where eval gets its series from: the seam between the engine and clusters.
//
// lib/query adapts lib/cluster to it; tests use vectors of series.
//
// Errors:  of the source, passed on to the query's caller as they are.
// Threads: Select from any thread; a stream belongs to one thread at a time.
#ifndef VARVE_LIB_EVAL_SERIES_SOURCE_H_
#define VARVE_LIB_EVAL_SERIES_SOURCE_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/model/label.h"
#include "lib/model/matcher.h"
#include "lib/model/sample.h"
#include "lib/model/time_range.h"

namespace varve::eval {

struct SelectRequest {
  std::vector<model::Matchers> matcher_groups;  // or-ed; each and-ed inside
  model::TimeRange range;                       // samples outside may come
};

// Samples are sorted, one per timestamp, staleness markers included.
struct SeriesData {
  model::LabelSet labels;
  model::SampleColumns samples;
};

class SeriesStream {
 public:
  virtual ~SeriesStream() = default;
  // Replaces `batch` with the next series; an empty batch is the end. Order is
  // free; a series comes once.
  virtual absl::Status Next(std::vector<SeriesData>& batch) = 0;
};

class SeriesSource {
 public:
  virtual ~SeriesSource() = default;
  virtual absl::StatusOr<std::unique_ptr<SeriesStream>> Select(
      const SelectRequest& request) = 0;
};

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_SERIES_SOURCE_H_
