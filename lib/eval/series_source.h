// Where eval gets its series from: the seam between the engine and clusters.
//
// lib/query adapts lib/cluster to it; tests use vectors of series.
//
// Errors:  of the source, passed on to the query's caller as they are.
// Threads: Select from any thread; a stream belongs to one thread at a time.
#ifndef VARVE_LIB_EVAL_SERIES_SOURCE_H_
#define VARVE_LIB_EVAL_SERIES_SOURCE_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/histogram/float_histogram.h"
#include "lib/model/label.h"
#include "lib/model/matcher.h"
#include "lib/model/sample.h"
#include "lib/model/time_range.h"

namespace varve::eval {

struct SelectRequest {
  std::vector<model::Matchers> matcher_groups;  // or-ed; each and-ed inside
  model::TimeRange range;                       // samples outside may come
};

// Native histograms of one series; timestamps ascending, none is null. They
// are shared: who reads one for several steps copies the pointer only.
struct HistogramSamples {
  std::vector<int64_t> timestamps_ms;
  std::vector<histogram::HistogramPtr> histograms;

  size_t size() const { return timestamps_ms.size(); }
  bool empty() const { return timestamps_ms.empty(); }
  void clear() {
    timestamps_ms.clear();
    histograms.clear();
  }
  void push_back(int64_t timestamp_ms, histogram::HistogramPtr histogram) {
    timestamps_ms.push_back(timestamp_ms);
    histograms.push_back(std::move(histogram));
  }
};

// Samples are sorted, one per timestamp: it is in either column. Staleness
// markers, of histograms too, are among the floats.
struct SeriesData {
  model::LabelSet labels;
  model::SampleColumns samples;
  HistogramSamples histograms;
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
