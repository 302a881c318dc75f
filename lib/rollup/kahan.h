// Sums that keep the digits lost by each addition.
//
// Source:  Neumaier's variant of Kahan summation (ZAMM 54, 1974); the same
//          steps as prometheus/prometheus promql/functions.go (3.5), so that
//          results agree to the last bit for the same order of additions.
// Threads: values without sharing.
#ifndef VARVE_LIB_ROLLUP_KAHAN_H_
#define VARVE_LIB_ROLLUP_KAHAN_H_

#include <array>
#include <cmath>
#include <cstddef>
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

// Adds kRuns runs of `count` values to a pair each, as KahanAdd one after the
// other would. False: a total was infinite or NaN, and all pairs are to be
// thrown away.
//
// What an addition loses is found without asking which summand is the larger
// (Knuth, TAOCP 4.2.2, theorem B: the same bits), and infinities are looked
// for at the end. Each addition waits for the one before it: two runs side by
// side take hardly longer than one.
template <size_t kRuns>
bool KahanAddFinite(const std::array<const double*, kRuns>& values,
                    size_t count, std::array<double, kRuns>& sums,
                    std::array<double, kRuns>& compensations) {
  std::array<double, kRuns> total = sums;
  std::array<double, kRuns> lost = compensations;
  for (size_t i = 0; i < count; ++i) {
    for (size_t run = 0; run < kRuns; ++run) {
      const double value = values[run][i];
      const double next = total[run] + value;
      const double added = next - total[run];
      lost[run] += (total[run] - (next - added)) + (value - added);
      total[run] = next;
    }
  }
  sums = total;
  compensations = lost;
  bool finite = true;
  for (size_t run = 0; run < kRuns; ++run) {
    finite &= std::isfinite(total[run]) && std::isfinite(lost[run]);
  }
  return finite;
}

struct KahanSum {
  double sum = 0;
  double compensation = 0;

  void Add(double increment) { KahanAdd(increment, sum, compensation); }
  void Add(std::span<const double> increments) {
    std::array<double, 1> sums = {sum};
    std::array<double, 1> compensations = {compensation};
    if (KahanAddFinite<1>({increments.data()}, increments.size(), sums,
                          compensations)) {
      sum = sums[0];
      compensation = compensations[0];
      return;
    }
    for (const double increment : increments) Add(increment);
  }
  double Total() const { return std::isinf(sum) ? sum : sum + compensation; }
};

}  // namespace varve::rollup

#endif  // VARVE_LIB_ROLLUP_KAHAN_H_
