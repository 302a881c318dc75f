// MetricsQL's functions of one series' points: running_*, range_*, and those
// that fill, smooth or trim.
//
// In:      a column with one value per step, NaN (of any bits) where there is
//          none; for some functions a scalar per step.
// Out:     the column in place, NaN where there is no value.
// Errors:  none.
// Threads: free functions without state.
// Source:  VictoriaMetrics docs/MetricsQL.md, "Transform functions".
#ifndef VARVE_LIB_EVAL_COLUMN_TRANSFORMS_H_
#define VARVE_LIB_EVAL_COLUMN_TRANSFORMS_H_

#include <span>
#include <string_view>

namespace varve::eval {

using ColumnTransform = void (*)(std::span<double> column,
                                 std::span<const double> scalar);

struct ColumnTransformInfo {
  std::string_view name;
  ColumnTransform transform = nullptr;
  // Where the call has the scalar: -1 for none.
  int scalar_argument = -1;
};

// Null when there is none of this name.
const ColumnTransformInfo* FindColumnTransform(std::string_view name);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_COLUMN_TRANSFORMS_H_
