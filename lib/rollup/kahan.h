// Sums that keep the digits lost by each addition.
//
// Source:  Neumaier's variant of Kahan summation (ZAMM 54, 1974); the same
//          steps as prometheus/prometheus promql/functions.go (3.5), so that
//          results agree to the last bit for the same order of additions.
// Threads: values without sharing.
#ifndef VARVE_LIB_ROLLUP_KAHAN_H_
#define VARVE_LIB_ROLLUP_KAHAN_H_

#include <cmath>
#include <span>

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

// Adds all of `values` to the pair, as KahanAdd one after the other would.
// False: a total was infinite or NaN, and the pair is to be thrown away.
//
// What an addition loses is found without asking which summand is the larger
// (Knuth, TAOCP 4.2.2, theorem B: the same bits), and infinities are looked
// for at the end: without branches a sample costs the time of one addition.
inline bool KahanAddFinite(std::span<const double> values, double& sum,
                           double& compensation) {
  double total = sum;
  double lost = compensation;
  for (const double value : values) {
    const double next = total + value;
    const double added = next - total;
    lost += (total - (next - added)) + (value - added);
    total = next;
  }
  sum = total;
  compensation = lost;
  return std::isfinite(total) && std::isfinite(lost);
}

struct KahanSum {
  double sum = 0;
  double compensation = 0;

  void Add(double increment) { KahanAdd(increment, sum, compensation); }
  void Add(std::span<const double> increments) {
    const KahanSum before = *this;
    if (KahanAddFinite(increments, sum, compensation)) return;
    *this = before;
    for (const double increment : increments) Add(increment);
  }
  double Total() const { return std::isinf(sum) ? sum : sum + compensation; }
};

}  // namespace varve::rollup

#endif  // VARVE_LIB_ROLLUP_KAHAN_H_
