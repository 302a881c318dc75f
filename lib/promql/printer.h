// A syntax tree back to text: canonical spacing, one line or several.
//
// Parsing the text gives the same tree, positions and folded duration
// expressions apart.
//
// Threads: free functions without state.
#ifndef VARVE_LIB_PROMQL_PRINTER_H_
#define VARVE_LIB_PROMQL_PRINTER_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/promql/ast.h"

namespace varve::promql {

// On one line.
std::string ExprText(const Expr& expr);
// What is longer than 100 characters is split into lines, its parts indented
// by two spaces a level; beyond 100 levels nothing is split any more.
// Source: prometheus/prometheus promql/parser/prettier.go (3.5).
std::string PrettyText(const Expr& expr);

// The text of a query that has WITH templates, which are kept: each on a line
// of its own, everything in canonical spacing. None where there are no
// templates.
// REQUIRES: the query can be parsed.
std::optional<std::string> TemplatesText(std::string_view query);

// The parts of the text: "sum by (x) " before an aggregation's arguments;
// "== bool on (x)" between two operands; what stands behind all parts of an
// expression ("[5m:] offset 1h", " limit 5", " keep_metric_names"); and the
// arguments of a call or an aggregation in the order of the text.
std::string HeadText(const AggregateExpr& aggregate);
std::string ClausesText(const BinaryExpr& binary);
std::string SuffixText(const Expr& expr);
// REQUIRES: a call or an aggregation.
std::vector<const Expr*> ArgumentsOf(const Expr& expr);

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
