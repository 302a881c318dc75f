// The order in which "a2" comes before "a10".
//
// Runs of digits compare as numbers, of other characters bytewise; equal
// numbers written differently compare bytewise.
//
// Threads: free functions without state.
// Source:  facette/natsort, as Prometheus' sort_by_label uses it.
#ifndef VARVE_LIB_EVAL_NATURAL_ORDER_H_
#define VARVE_LIB_EVAL_NATURAL_ORDER_H_

#include <string_view>

namespace varve::eval {

// A strict weak order.
bool NaturalLess(std::string_view a, std::string_view b);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_NATURAL_ORDER_H_
