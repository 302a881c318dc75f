#include "lib/promql/printer.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "absl/strings/str_format.h"
#include "lib/base/strings.h"
#include "lib/promql/aggregates.h"
#include "lib/promql/duration.h"
#include "lib/promql/number_text.h"
#include "lib/promql/quoting.h"

namespace varve::promql {
namespace {

using base::StrAppend;

bool IsNameStart(char c) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool IsNameChar(char c) { return IsNameStart(c) || (c >= '0' && c <= '9'); }

void AppendLabels(std::string& out, const std::vector<std::string>& labels) {
  out += "(";
  for (size_t i = 0; i < labels.size(); ++i) {
    if (i > 0) out += ", ";
    const bool plain = IsPlainLabelName(labels[i]) || labels[i] == "*";
    out += plain ? labels[i] : QuotedText(labels[i]);
  }
  out += ")";
}

class Printer {
 public:
  std::string Take() { return std::move(out_); }

  void Print(const Expr& expr) {
    switch (expr.kind) {
      case ExprKind::kNumber:
        return PrintNumber(static_cast<const NumberLiteral&>(expr));
      case ExprKind::kString:
        out_ += QuotedText(static_cast<const StringLiteral&>(expr).value);
        return;
      case ExprKind::kVectorSelector: {
        const auto& selector = static_cast<const VectorSelector&>(expr);
        PrintSelector(selector);
        PrintEdges(selector);
        return PrintTime(selector.time);
      }
      case ExprKind::kMatrixSelector:
        return PrintMatrix(static_cast<const MatrixSelector&>(expr));
      case ExprKind::kSubquery:
        return PrintSubquery(static_cast<const SubqueryExpr&>(expr));
      case ExprKind::kUnary: {
        const auto& unary = static_cast<const UnaryExpr&>(expr);
        out_ += unary.negate ? "-" : "+";
        return Print(*unary.expr);
      }
      case ExprKind::kBinary:
        return PrintChain(static_cast<const BinaryExpr&>(expr));
      case ExprKind::kAggregate:
        return PrintAggregate(static_cast<const AggregateExpr&>(expr));
      case ExprKind::kCall:
        return PrintCall(static_cast<const Call&>(expr));
      case ExprKind::kParen:
        return PrintParen(static_cast<const ParenExpr&>(expr));
      case ExprKind::kShift:
        Print(*static_cast<const ShiftExpr&>(expr).expr);
        return PrintSuffix(expr);
    }
  }

  // "sum by (x) "
  void PrintHead(const AggregateExpr& aggregate);
  // "== bool on (x)"
  void PrintClauses(const BinaryExpr& binary);
  // What stands behind the parts of an expression.
  void PrintSuffix(const Expr& expr);

 private:
  void PrintNumber(const NumberLiteral& number);
  void PrintSelector(const VectorSelector& selector);
  void PrintMatchers(const model::Matchers& matchers, bool named);
  void PrintEdges(const VectorSelector& selector);
  void PrintMatrix(const MatrixSelector& matrix);
  void PrintSubquery(const SubqueryExpr& subquery);
  void PrintChain(const BinaryExpr& binary);
  void PrintOperator(const BinaryExpr& binary);
  void PrintParen(const ParenExpr& paren);
  void PrintMatching(const VectorMatching& matching);
  void PrintFill(std::string_view name, double value);
  void PrintAggregate(const AggregateExpr& aggregate);
  void PrintArguments(const std::vector<const Expr*>& args);
  void PrintCall(const Call& call);
  void PrintDuration(const DurationValue& duration);
  void PrintTime(const TimeModifiers& time);

  std::string out_;
};

void Printer::PrintNumber(const NumberLiteral& number) {
  if (!number.is_duration) {
    AppendPlainNumber(out_, number.value);
    if (number.is_steps) out_ += "i";
    return;
  }
  out_ += DurationText(static_cast<int64_t>(std::round(number.value * 1000)));
}

// A name stands before the braces only if it was written there.
void Printer::PrintSelector(const VectorSelector& selector) {
  const bool named = !selector.name.empty();
  out_ += selector.name;
  if (named && selector.matchers.size() == 1 && selector.or_matchers.empty()) {
    return;
  }
  out_ += "{";
  PrintMatchers(selector.matchers, named);
  for (const model::Matchers& matchers : selector.or_matchers) {
    out_ += " or ";
    PrintMatchers(matchers, named);
  }
  out_ += "}";
}

void Printer::PrintMatchers(const model::Matchers& matchers, bool named) {
  std::vector<std::string> parts;
  for (const model::Matcher& matcher : matchers) {
    if (named && matcher.name == model::kMetricName &&
        matcher.type == model::MatchType::kEqual) {
      continue;
    }
    static constexpr std::string_view kOperators[] = {"=", "!=", "=~", "!~"};
    parts.push_back(base::StrCat(IsPlainLabelName(matcher.name)
                                     ? matcher.name
                                     : QuotedText(matcher.name),
                                 kOperators[static_cast<size_t>(matcher.type)],
                                 QuotedText(matcher.value)));
  }
  std::sort(parts.begin(), parts.end());
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out_ += ",";
    out_ += parts[i];
  }
}

void Printer::PrintEdges(const VectorSelector& selector) {
  if (selector.edges == RangeEdges::kAnchored) out_ += " anchored";
  if (selector.edges == RangeEdges::kSmoothed) out_ += " smoothed";
}

void Printer::PrintDuration(const DurationValue& duration) {
  if (duration.expr == nullptr) {
    out_ += DurationText(duration.ms);
  } else {
    Print(*duration.expr);
  }
}

void Printer::PrintTime(const TimeModifiers& time) {
  switch (time.at) {
    case AtKind::kNone:
      break;
    case AtKind::kTimestamp:
      out_ +=
          absl::StrFormat(" @ %.3f", static_cast<double>(time.at_ms) / 1000);
      break;
    case AtKind::kStart:
      out_ += " @ start()";
      break;
    case AtKind::kEnd:
      out_ += " @ end()";
      break;
    case AtKind::kExpr:
      out_ += " @ ";
      Print(*time.at_expr);
      break;
  }
  if (time.offset.expr == nullptr && time.offset.ms == 0) return;
  out_ += " offset ";
  PrintDuration(time.offset);
}

void Printer::PrintMatrix(const MatrixSelector& matrix) {
  PrintSelector(*matrix.selector);
  if (!matrix.implicit) {
    out_ += "[";
    PrintDuration(matrix.range);
    out_ += "]";
  }
  PrintEdges(*matrix.selector);
  PrintTime(matrix.selector->time);
}

void Printer::PrintSubquery(const SubqueryExpr& subquery) {
  Print(*subquery.expr);
  PrintSuffix(subquery);
}

void Printer::PrintSuffix(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kSubquery: {
      const auto& subquery = static_cast<const SubqueryExpr&>(expr);
      if (subquery.implicit) return;
      out_ += "[";
      PrintDuration(subquery.range);
      out_ += ":";
      if (subquery.step.expr != nullptr || subquery.step.ms != 0) {
        PrintDuration(subquery.step);
      }
      out_ += "]";
      return PrintTime(subquery.time);
    }
    case ExprKind::kShift:
      return PrintTime(static_cast<const ShiftExpr&>(expr).time);
    case ExprKind::kAggregate: {
      const int64_t limit = static_cast<const AggregateExpr&>(expr).limit;
      if (limit > 0) StrAppend(&out_, " limit ", limit);
      return;
    }
    case ExprKind::kCall:
      if (!static_cast<const Call&>(expr).keep_metric_names) return;
      out_ += " keep_metric_names";
      return;
    case ExprKind::kParen: {
      const Expr& inner = *static_cast<const ParenExpr&>(expr).expr;
      if (inner.kind != ExprKind::kBinary) return;
      if (static_cast<const BinaryExpr&>(inner).keep_metric_names) {
        out_ += " keep_metric_names";
      }
      return;
    }
    default:
      return;
  }
}

// A chain a + b + c … from its innermost operator outwards.
void Printer::PrintChain(const BinaryExpr& binary) {
  std::vector<const BinaryExpr*> chain = {&binary};
  while (chain.back()->lhs->kind == ExprKind::kBinary) {
    chain.push_back(static_cast<const BinaryExpr*>(chain.back()->lhs.get()));
  }
  Print(*chain.back()->lhs);
  for (; !chain.empty(); chain.pop_back()) PrintOperator(*chain.back());
}

void Printer::PrintOperator(const BinaryExpr& binary) {
  out_ += " ";
  PrintClauses(binary);
  out_ += " ";
  Print(*binary.rhs);
}

void Printer::PrintClauses(const BinaryExpr& binary) {
  out_ += OperatorText(binary.op);
  if (binary.return_bool) out_ += " bool";
  if (binary.matching) PrintMatching(*binary.matching);
}

void Printer::PrintParen(const ParenExpr& paren) {
  out_ += "(";
  Print(*paren.expr);
  out_ += ")";
  PrintSuffix(paren);
}

void Printer::PrintFill(std::string_view name, double value) {
  StrAppend(&out_, " ", name, " (", PlainNumber(value), ")");
}

void Printer::PrintMatching(const VectorMatching& matching) {
  const bool left = matching.cardinality == MatchCardinality::kManyToOne;
  const bool right = matching.cardinality == MatchCardinality::kOneToMany;
  if (!matching.labels.empty() || matching.on || left || right) {
    out_ += matching.on ? " on " : " ignoring ";
    AppendLabels(out_, matching.labels);
  }
  if (left || right) {
    out_ += left ? " group_left " : " group_right ";
    AppendLabels(out_, matching.include);
    if (!matching.include_prefix.empty()) {
      StrAppend(&out_, " prefix ", QuotedText(matching.include_prefix));
    }
  }
  const auto& fill_left = matching.fill_left;
  const auto& fill_right = matching.fill_right;
  if (fill_left && fill_right && *fill_left == *fill_right) {
    PrintFill("fill", *fill_left);
    return;
  }
  if (fill_left) PrintFill("fill_left", *fill_left);
  if (fill_right) PrintFill("fill_right", *fill_right);
}

void Printer::PrintHead(const AggregateExpr& aggregate) {
  out_ += AggregateText(aggregate.op);
  if (aggregate.without || !aggregate.grouping.empty()) {
    out_ += aggregate.without ? " without " : " by ";
    AppendLabels(out_, aggregate.grouping);
    out_ += " ";
  }
}

void Printer::PrintAggregate(const AggregateExpr& aggregate) {
  PrintHead(aggregate);
  PrintArguments(ArgumentsOf(aggregate));
  PrintSuffix(aggregate);
}

void Printer::PrintArguments(const std::vector<const Expr*>& args) {
  out_ += "(";
  for (size_t i = 0; i < args.size(); ++i) {
    if (i > 0) out_ += ", ";
    Print(*args[i]);
  }
  out_ += ")";
}

void Printer::PrintCall(const Call& call) {
  if (call.implicit) return Print(*call.args[0]);
  out_ += call.function;
  PrintArguments(ArgumentsOf(call));
  PrintSuffix(call);
}

}  // namespace

std::vector<const Expr*> ArgumentsOf(const Expr& expr) {
  std::vector<const Expr*> args;
  if (expr.kind == ExprKind::kCall) {
    for (const ExprPtr& arg : static_cast<const Call&>(expr).args) {
      args.push_back(arg.get());
    }
    return args;
  }
  const auto& aggregate = static_cast<const AggregateExpr&>(expr);
  if (aggregate.param != nullptr) args.push_back(aggregate.param.get());
  for (const ExprPtr& param : aggregate.more_params) {
    args.push_back(param.get());
  }
  // The tail stands after the vector.
  const bool has_tail =
      InfoOf(aggregate.op).has_tail && !aggregate.more_params.empty();
  args.insert(args.end() - (has_tail ? 1 : 0), aggregate.expr.get());
  for (const ExprPtr& more : aggregate.more_exprs) args.push_back(more.get());
  return args;
}

std::string HeadText(const AggregateExpr& aggregate) {
  Printer printer;
  printer.PrintHead(aggregate);
  return printer.Take();
}

std::string ClausesText(const BinaryExpr& binary) {
  Printer printer;
  printer.PrintClauses(binary);
  return printer.Take();
}

std::string SuffixText(const Expr& expr) {
  Printer printer;
  printer.PrintSuffix(expr);
  return printer.Take();
}

std::string ExprText(const Expr& expr) {
  Printer printer;
  printer.Print(expr);
  return printer.Take();
}

std::string_view OperatorText(BinaryOp op) {
  static constexpr std::string_view kTexts[] = {
      "+",  "-",      "*",  "/",  "%",       "^",  "atan2",
      "==", "!=",     "<",  "<=", ">",       ">=", "and",
      "or", "unless", "</", ">/", "default", "if", "ifnot"};
  return kTexts[static_cast<size_t>(op)];
}

std::string_view AggregateText(AggregateOp op) { return InfoOf(op).name; }

std::string QuotedText(std::string_view text) {
  const bool is_utf8 = IsUtf8(text);
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f ||
            (!is_utf8 && static_cast<uint8_t>(c) >= 0x80)) {
          out += absl::StrFormat("\\x%02x", static_cast<uint8_t>(c));
        } else {
          out.push_back(c);
        }
    }
  }
  out += "\"";
  return out;
}

bool IsPlainLabelName(std::string_view name) {
  return !name.empty() && IsNameStart(name[0]) &&
         std::all_of(name.begin(), name.end(), IsNameChar);
}

bool IsPlainMetricName(std::string_view name) {
  if (name.empty() || !(IsNameStart(name[0]) || name[0] == ':')) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return IsNameChar(c) || c == ':'; });
}

}  // namespace varve::promql
