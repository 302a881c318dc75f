// What an expression evaluates to: columns with one value per step.
//
// A column has the staleness marker's bits where a step has no sample.
// Histograms will be a second column beside `values`.
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
#include "lib/model/label.h"
#include "lib/model/sample.h"
#include "lib/promql/ast.h"

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

struct EvalSeries {
  model::LabelSet labels;
  // The metadata labels are to be removed at the end (delayed name removal).
  bool drop_name = false;
  std::vector<double> values;
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

// Removes series without any sample.
void RemoveEmpty(std::vector<EvalSeries>& series);

void SortByLabels(std::vector<EvalSeries>& series);

// __name__, __type__ and __unit__: what describes the metric and not its
// instance; results of arithmetic lose them.
bool IsMetadataLabel(std::string_view name);
void RemoveMetadata(model::LabelSet& labels);

inline constexpr char kSameLabelSetText[] =
    "vector cannot contain metrics with the same labelset";

// Joins series with equal labels into one. InvalidArgument when two of them
// have a sample at the same step.
absl::Status MergeSameLabels(std::vector<EvalSeries>& series);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_VALUE_H_
