// The text of a syntax tree over several lines.
#include "lib/base/strings.h"
#include "lib/promql/printer.h"

namespace varve::promql {
namespace {

constexpr size_t kLineMax = 100;
constexpr int kLevelMax = 100;

std::string Indent(int level) {
  return std::string(2 * static_cast<size_t>(level), ' ');
}

std::string Pretty(const Expr& expr, int level);

std::string PrettyArguments(const Expr& expr, int level) {
  std::string out = "(\n";
  bool first = true;
  for (const Expr* arg : ArgumentsOf(expr)) {
    base::StrAppend(&out, first ? "" : ",\n", Pretty(*arg, level + 1));
    first = false;
  }
  base::StrAppend(&out, "\n", Indent(level), ")", SuffixText(expr));
  return out;
}

// An expression that is too long for a line.
std::string Split(const Expr& expr, int level) {
  switch (expr.kind) {
    case ExprKind::kAggregate:
      return base::StrCat(Indent(level),
                          HeadText(static_cast<const AggregateExpr&>(expr)),
                          PrettyArguments(expr, level));
    case ExprKind::kCall: {
      const auto& call = static_cast<const Call&>(expr);
      if (call.implicit) return Pretty(*call.args[0], level);
      return base::StrCat(Indent(level), call.function,
                          PrettyArguments(expr, level));
    }
    case ExprKind::kBinary: {
      const auto& binary = static_cast<const BinaryExpr&>(expr);
      return base::StrCat(Pretty(*binary.lhs, level + 1), "\n", Indent(level),
                          ClausesText(binary), "\n",
                          Pretty(*binary.rhs, level + 1));
    }
    case ExprKind::kParen:
      return base::StrCat(
          Indent(level), "(\n",
          Pretty(*static_cast<const ParenExpr&>(expr).expr, level + 1), "\n",
          Indent(level), ")", SuffixText(expr));
    case ExprKind::kSubquery:
      return base::StrCat(
          Pretty(*static_cast<const SubqueryExpr&>(expr).expr, level),
          SuffixText(expr));
    case ExprKind::kShift:
      return base::StrCat(
          Pretty(*static_cast<const ShiftExpr&>(expr).expr, level),
          SuffixText(expr));
    case ExprKind::kUnary: {
      const auto& unary = static_cast<const UnaryExpr&>(expr);
      const std::string inner = Pretty(*unary.expr, level);
      return base::StrCat(Indent(level), unary.negate ? "-" : "+",
                          inner.substr(inner.find_first_not_of(' ')));
    }
    default:
      return base::StrCat(Indent(level), ExprText(expr));
  }
}

std::string Pretty(const Expr& expr, int level) {
  std::string flat = ExprText(expr);
  if (flat.size() > kLineMax && level < kLevelMax) {
    flat = std::string();  // not one for each level of the tree
    return Split(expr, level);
  }
  // As in Prometheus, a subquery that fits is not indented.
  if (expr.kind == ExprKind::kSubquery) return flat;
  return base::StrCat(Indent(level), flat);
}

}  // namespace

std::string PrettyText(const Expr& expr) { return Pretty(expr, 0); }

}  // namespace varve::promql
