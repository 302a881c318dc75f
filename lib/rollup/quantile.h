// The quantile of a set of values, interpolated between neighbours.
//
// In:      phi and the values, which are reordered (NaN sorts below all).
// Out:     NaN for no values or phi NaN, -Inf for phi < 0, +Inf for phi > 1.
// Threads: free functions without state.
// Source:  prometheus/prometheus promql/quantile.go (3.5), quantile().
#ifndef VARVE_LIB_ROLLUP_QUANTILE_H_
#define VARVE_LIB_ROLLUP_QUANTILE_H_

#include <span>

namespace varve::rollup {

double Quantile(double phi, std::span<double> values);

}  // namespace varve::rollup

#endif  // VARVE_LIB_ROLLUP_QUANTILE_H_
