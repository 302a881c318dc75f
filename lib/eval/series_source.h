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
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/hash.h"
#include "lib/histogram/float_histogram.h"
#include "lib/model/label.h"
#include "lib/model/matcher.h"
#include "lib/model/sample.h"
#include "lib/model/start_run.h"
#include "lib/model/time_range.h"
#include "lib/telemetry/trace.h"

namespace varve::eval {

struct SelectRequest {
  std::vector<model::Matchers> matcher_groups;  // or-ed; each and-ed inside
  model::TimeRange range;                       // samples outside may come
  telemetry::Trace* trace = nullptr;            // gets a part for the read
  bool starts = false;                          // SeriesData::starts is read
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
  model::StartRuns starts;  // joined; only where they were asked for
};

class SeriesStream {
 public:
  virtual ~SeriesStream() = default;
  // Replaces `batch` with the next series; an empty batch is the end. Order is
  // free; a series comes once.
  virtual absl::Status Next(std::vector<SeriesData>& batch) = 0;
};

// A window function over each series, and an aggregation of its results, or the
// best of them (lib/rollup): what Aggregate computes.
struct AggregateRequest {
  SelectRequest select;
  std::string_view function;  // rollup::NameOf
  // Windows (end - range, end], one a step.
  int64_t first_end_ms = 0;
  int64_t end_step_ms = 0;
  int64_t range_ms = 0;
  size_t steps = 0;
  uint32_t aggregate = 0;  // rollup::Aggregate
  uint32_t k = 0;          // of topk and bottomk
  bool without = false;
  std::vector<std::string> grouping;
  bool without_metadata = false;  // results have lost their metadata labels
  bool label_hashes = false;      // tell them
  int64_t samples_max = 0;        // stop early above; 0: no limit
};

struct AggregatedPart {
  // Groups, which may come again in other parts: canonical bytes of their
  // labels, and rollup::GroupColumns::AppendBytes. Of topk and bottomk series,
  // each once, and rollup::AppendStepValues.
  std::vector<std::string> keys;
  std::vector<std::string> states;
  // Of each series with a result, its labels without metadata.
  std::vector<base::Hash128> label_hashes;
  // Of series with a result: names that are no counter's, where the function
  // wants counters.
  std::vector<std::string> metric_names;
  int64_t series = 0;   // read for this part
  int64_t samples = 0;  // likewise
};

// Errors: Aborted: nothing that was given counts, Select has to be used.
class AggregateStream {
 public:
  virtual ~AggregateStream() = default;
  // Replaces `part`; false at the end.
  virtual absl::StatusOr<bool> Next(AggregatedPart& part) = 0;
  // After the end: series that the source could not aggregate; may be null.
  virtual std::unique_ptr<SeriesStream> TakeRest() = 0;
};

class SeriesSource {
 public:
  virtual ~SeriesSource() = default;
  // Null where the source leaves it to the engine.
  virtual absl::StatusOr<std::unique_ptr<AggregateStream>> Aggregate(
      const AggregateRequest&) {
    return nullptr;
  }
  virtual absl::StatusOr<std::unique_ptr<SeriesStream>> Select(
      const SelectRequest& request) = 0;
};

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_SERIES_SOURCE_H_
