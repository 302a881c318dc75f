// The value that occurs most often; of several such, the smallest.
//
// Threads: a free function without state.
#ifndef VARVE_LIB_ROLLUP_MODE_H_
#define VARVE_LIB_ROLLUP_MODE_H_

#include <algorithm>
#include <cstddef>
#include <span>

namespace varve::rollup {

// Sorts `values`. REQUIRES: there are some, and none is NaN.
inline double Mode(std::span<double> values) {
  std::sort(values.begin(), values.end());
  double mode = values[0];
  size_t most = 0;
  size_t begin = 0;
  for (size_t i = 1; i <= values.size(); ++i) {
    if (i < values.size() && values[i] == values[begin]) continue;
    if (i - begin > most) {
      most = i - begin;
      mode = values[begin];
    }
    begin = i;
  }
  return mode;
}

}  // namespace varve::rollup

#endif  // VARVE_LIB_ROLLUP_MODE_H_
