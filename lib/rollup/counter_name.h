// Whether a metric's name ends as a counter's does.
//
// Source:  prometheus/prometheus promql/engine.go, rate's annotation (3.5).
#ifndef VARVE_LIB_ROLLUP_COUNTER_NAME_H_
#define VARVE_LIB_ROLLUP_COUNTER_NAME_H_

#include <string_view>

#include "lib/rollup/rollup.h"

namespace varve::rollup {

inline bool LooksLikeCounter(std::string_view name) {
  return name.ends_with("_total") || name.ends_with("_sum") ||
         name.ends_with("_count") || name.ends_with("_bucket");
}

// True for the functions whose users are told of other names.
inline bool WantsCounter(Function function) {
  return function == Function::kRate || function == Function::kIncrease;
}

}  // namespace varve::rollup

#endif  // VARVE_LIB_ROLLUP_COUNTER_NAME_H_
