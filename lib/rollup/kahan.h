// Sums that keep the digits lost by each addition.
//
// Source:  Neumaier's variant of Kahan summation (ZAMM 54, 1974); the same
//          steps as prometheus/prometheus promql/functions.go (3.5), so that
//          results agree to the last bit for the same order of additions.
// Threads: values without sharing.
#ifndef VARVE_LIB_ROLLUP_KAHAN_H_
#define VARVE_LIB_ROLLUP_KAHAN_H_

#include <cmath>

namespace varve::rollup {

// Adds `increment` to the pair (sum, compensation).
inline void KahanAdd(double increment, double& sum, double& compensation) {
  const double total = sum + increment;
  if (std::isinf(total)) {
    compensation = 0;
  } else if (std::fabs(sum) >= std::fabs(increment)) {
    compensation += (sum - total) + increment;
  } else {
    compensation += (increment - total) + sum;
  }
  sum = total;
}

struct KahanSum {
  double sum = 0;
  double compensation = 0;

  void Add(double increment) { KahanAdd(increment, sum, compensation); }
  double Total() const { return std::isinf(sum) ? sum : sum + compensation; }
};

}  // namespace varve::rollup

#endif  // VARVE_LIB_ROLLUP_KAHAN_H_
