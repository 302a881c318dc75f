// Histograms as series with a label vmrange: one per range of values, each
// counting the values in it.
//
// Ranges cover 1e-9 to 1e18, 18 of them per power of ten, and what is below
// and above; "1.136e+00...1.292e+00" holds its upper bound. Negative values
// are in none.
//
// Threads: free functions without state.
// Source:  VictoriaMetrics docs/MetricsQL.md, histogram_over_time and
//          prometheus_buckets; VictoriaMetrics/metrics histogram.go.
#ifndef VARVE_LIB_EVAL_VMRANGE_H_
#define VARVE_LIB_EVAL_VMRANGE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "lib/eval/value.h"

namespace varve::eval {

inline constexpr char kVmrangeLabel[] = "vmrange";
inline constexpr char kLeLabel[] = "le";

// The range `value` is in, from 0 for the lowest; none for NaN and below zero.
std::optional<size_t> VmrangeOf(double value);
// As the label's value.
const std::string& VmrangeText(size_t range);
size_t VmrangeCount();

// Makes cumulative buckets with the label le from series with vmrange: one for
// each range with a count, for the begin of a range that follows a gap, and
// for +Inf. Series without vmrange stay as they are; those whose vmrange is no
// range go. Charges nothing: there are at most twice as many series.
void VmrangeToLe(std::vector<EvalSeries>& series);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_VMRANGE_H_
