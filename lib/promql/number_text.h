// Numbers as text, both ways, as the language and its HTTP API write them.
//
// Threads: free functions without state.
// Source:  docs/querying/basics.md "Float literals"; strconv.FormatFloat with
//          precision -1 for the shortest digits that read back the same.
#ifndef VARVE_LIB_PROMQL_NUMBER_TEXT_H_
#define VARVE_LIB_PROMQL_NUMBER_TEXT_H_

#include <optional>
#include <string>
#include <string_view>

namespace varve::promql {

// 1, -2.5, .5, 1e-3, 0x1F, 017 (octal), 1_000, Inf, NaN in any case, with a
// sign; also MetricsQL's 8K, 1.5Mi, 2GB (K, M, G, T; with i by 1024).
// nullopt when it is none of these. 1e999 is an infinity: nullopt.
std::optional<double> ParseNumber(std::string_view text);

// Digits without an exponent, however many: 1e+22 as 10000000000000000000000.
// NaN, +Inf and -Inf by these names.
void AppendPlainNumber(std::string& out, double value);
std::string PlainNumber(double value);

// As sample values stand in the HTTP API's JSON: like AppendPlainNumber, but
// 1e+21 and 1e-07 for magnitudes from 1e21 on and below 1e-6.
void AppendApiNumber(std::string& out, double value);

}  // namespace varve::promql

#endif  // VARVE_LIB_PROMQL_NUMBER_TEXT_H_
