// What an expression evaluates to: columns with one value per step.
//
// A column has the staleness marker's bits where a step has no float. Native
// histograms are a second column beside it, which most series do not have:
// then it is empty. A step has a float or a histogram or neither.
//
// Threads: values; one owner at a time.
#ifndef VARVE_LIB_EVAL_VALUE_H_
#define VARVE_LIB_EVAL_VALUE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/eval/memory_charge.h"
#include "lib/histogram/float_histogram.h"
#include "lib/model/label.h"
#include "lib/model/sample.h"
#include "lib/promql/ast.h"
#include "lib/rollup/grouping.h"

namespace varve::eval {

inline bool IsAbsent(double value) { return model::IsStaleNan(value); }
inline double Absent() { return model::StaleNan(); }

// The moments an expression is evaluated at.
struct StepRange {
  int64_t start_ms = 0;
  int64_t step_ms = 1;
  size_t count = 1;

  int64_t At(size_t step) const {
    return start_ms + static_cast<int64_t>(step) * step_ms;
  }
  int64_t end_ms() const { return At(count - 1); }
};

using histogram::HistogramPtr;
// One per step, null where there is none; or empty.
using HistogramColumn = std::vector<HistogramPtr>;

struct EvalSeries {
  model::LabelSet labels;
  // The metadata labels are to be removed at the end (delayed name removal).
  bool drop_name = false;
  std::vector<double> values;
  HistogramColumn histograms;

  bool HasHistogram(size_t step) const {
    return !histograms.empty() && histograms[step] != nullptr;
  }
  bool HasSample(size_t step) const {
    return !IsAbsent(values[step]) || HasHistogram(step);
  }
  bool IsEmpty() const;  // no sample at any step
  void ClearSample(size_t step) {
    values[step] = Absent();
    if (!histograms.empty()) histograms[step] = nullptr;
  }
  // REQUIRES: `values` has its final size.
  void SetHistogram(size_t step, HistogramPtr histogram) {
    if (histograms.empty()) histograms.resize(values.size());
    values[step] = Absent();
    histograms[step] = std::move(histogram);
  }
  // Forgets the histograms: functions of floats ignore them.
  void DropHistograms() { histograms = {}; }
};

// A series' columns on their way; the histograms may be moved from.
struct ColumnView {
  std::span<const double> values;
  std::span<HistogramPtr> histograms;  // empty, or one per step

  bool HasHistogram(size_t step) const {
    return !histograms.empty() && histograms[step] != nullptr;
  }
  bool HasSample(size_t step) const {
    return !IsAbsent(values[step]) || HasHistogram(step);
  }
};

struct Value {
  promql::ValueType type = promql::ValueType::kVector;
  std::vector<double> scalar;      // kScalar: one value per step
  std::vector<EvalSeries> series;  // kVector
  std::string text;                // kString
  bool ordered = false;            // `series` are in the order asked for
  MemoryCharge charge;

  static Value Scalar(std::vector<double> values) {
    Value value;
    value.type = promql::ValueType::kScalar;
    value.scalar = std::move(values);
    return value;
  }
};

bool AllAbsent(std::span<const double> column);
bool AllNull(std::span<const HistogramPtr> column);
// An empty column if none is set.
HistogramColumn TakeHistograms(std::span<HistogramPtr> column);
// What the histograms of a column take in memory; neighbours that share one
// count it once.
int64_t HistogramBytes(std::span<const HistogramPtr> column);

// Removes series without any sample.
void RemoveEmpty(std::vector<EvalSeries>& series);

void SortByLabels(std::vector<EvalSeries>& series);

using rollup::IsMetadataLabel;
void RemoveMetadata(model::LabelSet& labels);

inline constexpr char kSameLabelSetText[] =
    "vector cannot contain metrics with the same labelset";

// Joins series with equal labels into one. InvalidArgument when two of them
// have a sample at the same step.
absl::Status MergeSameLabels(std::vector<EvalSeries>& series);

// Removes series without any sample. InvalidArgument when two others have
// equal labels, even where they have samples at different steps.
absl::Status RequireUnlikeLabels(std::vector<EvalSeries>& series);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_VALUE_H_
