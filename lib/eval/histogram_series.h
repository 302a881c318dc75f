// The histograms of a vector, native ones and those of classic buckets, for
// the functions that treat both alike.
//
// A native histogram and classic buckets of the same labels at the same step
// contradict each other: that step has neither, and a warning.
//
// Threads: the query's own.
// Source:  prometheus/prometheus promql/engine.go, resetHistograms (3.5).
#ifndef VARVE_LIB_EVAL_HISTOGRAM_SERIES_H_
#define VARVE_LIB_EVAL_HISTOGRAM_SERIES_H_

#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/eval/classic_histogram.h"
#include "lib/eval/evaluation.h"
#include "lib/eval/value.h"
#include "lib/promql/ast.h"

namespace varve::eval {

// The bucket series of one histogram.
struct ClassicSeries {
  model::LabelSet labels;  // without le
  bool drop_name = false;
  std::vector<std::pair<double, const EvalSeries*>> buckets;

  bool HasBuckets(size_t step) const;
  // Replaces `buckets` by those of the step.
  void BucketsAt(size_t step, std::vector<Bucket>& buckets) const;
};

struct HistogramVector {
  // Both point into the vector they were made of.
  std::vector<const EvalSeries*> native;
  std::vector<ClassicSeries> classic;
  // For each native series the classic one of the same labels, or -1.
  std::vector<int64_t> twin;

  // Neither is to be used.
  bool Contradict(size_t native_index, size_t step) const;
};

// Warns of bad `le` labels and of contradictions at `position`.
HistogramVector FindHistograms(Evaluation& ev,
                               const std::vector<EvalSeries>& input,
                               promql::Position position);

// What a function makes of one histogram at a step; `labels` tell whose.
struct HistogramFunction {
  std::function<double(std::vector<Bucket>& buckets,
                       const model::LabelSet& labels, size_t step)>
      classic;
  std::function<double(const histogram::FloatHistogram& histogram,
                       const model::LabelSet& labels, size_t step)>
      native;
};

// One series per histogram, not sorted; names are dropped.
std::vector<EvalSeries> MapHistograms(Evaluation& ev,
                                      const HistogramVector& histograms,
                                      size_t steps,
                                      const HistogramFunction& function);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_HISTOGRAM_SERIES_H_
