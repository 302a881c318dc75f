// A syntax tree back to text: one line, canonical spacing.
//
// Parsing the text gives the same tree, positions and folded duration
// expressions apart.
//
// Threads: free functions without state.
#ifndef VARVE_LIB_PROMQL_PRINTER_H_
#define VARVE_LIB_PROMQL_PRINTER_H_

#include <string>
#include <string_view>

#include "lib/promql/ast.h"

namespace varve::promql {

std::string ExprText(const Expr& expr);

// "+", "and", "</" …
std::string_view OperatorText(BinaryOp op);
// "sum", "count_values" …
std::string_view AggregateText(AggregateOp op);

// Quoted, with escapes for what is not printable ASCII or UTF-8.
std::string QuotedText(std::string_view text);
// [a-zA-Z_][a-zA-Z0-9_]*; other names are written in quotes.
bool IsPlainLabelName(std::string_view name);
// The same with colons.
bool IsPlainMetricName(std::string_view name);

}  // namespace varve::promql

#endif  // VARVE_LIB_PROMQL_PRINTER_H_
