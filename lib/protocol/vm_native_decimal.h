// Numbers as VictoriaMetrics stores them: an integer and a power of ten that
// all numbers of one block share, v * 10^e.
//
// Infinities and the staleness marker are three of the integers. The sign of
// zero, all other NaNs and, of numbers below 1e-290, some digits cannot be
// carried. Numbers of up to 15 digits between 1e-20 and 1e20 can, though not
// always together with their neighbours; of all others some in a thousand
// become a double next to them.
//
// Threads: free functions without state.
// Source:  lib/decimal of VictoriaMetrics, whose way to multiply counts: what
//          it shows for (v, e) is what FromDecimal gives, bit by bit.
#ifndef VARVE_LIB_PROTOCOL_VM_NATIVE_DECIMAL_H_
#define VARVE_LIB_PROTOCOL_VM_NATIVE_DECIMAL_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace varve::protocol {

double FromDecimal(int64_t v, int e);

// The v with FromDecimal(v, e) == value, if there is one.
std::optional<int64_t> ToDecimal(double value, int e);

// A power of ten by which all of `values` can be written, in `out` how.
// Nothing when there is none; then fewer of them may have one. Of a single
// value there always is one, at worst for a number next to it.
// REQUIRES: no value is NaN, but for staleness markers.
std::optional<int> ToDecimals(std::span<const double> values,
                              std::vector<int64_t>& out);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_VM_NATIVE_DECIMAL_H_
