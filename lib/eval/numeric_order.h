// Texts in order of the numbers in them: "v9" before "v10", "-2" before "1.5".
//
// Signs and fractions count, unlike in natural_order.h; a number comes before
// a text at the same place.
//
// Threads: a free function without state.
// Source:  VictoriaMetrics docs/MetricsQL.md, sort_by_label_numeric.
#ifndef VARVE_LIB_EVAL_NUMERIC_ORDER_H_
#define VARVE_LIB_EVAL_NUMERIC_ORDER_H_

#include <string_view>

namespace varve::eval {

bool NumericLess(std::string_view a, std::string_view b);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_NUMERIC_ORDER_H_
