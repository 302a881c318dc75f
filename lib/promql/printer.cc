#include "lib/promql/printer.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "absl/strings/str_format.h"
#include "lib/base/strings.h"
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
    out += IsPlainLabelName(labels[i]) ? labels[i] : QuotedText(labels[i]);
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
        return PrintBinary(static_cast<const BinaryExpr&>(expr));
      case ExprKind::kAggregate:
        return PrintAggregate(static_cast<const AggregateExpr&>(expr));
      case ExprKind::kCall:
        return PrintCall(static_cast<const Call&>(expr));
      case ExprKind::kParen:
        out_ += "(";
        Print(*static_cast<const ParenExpr&>(expr).expr);
        out_ += ")";
        return;
    }
  }

 private:
  void PrintNumber(const NumberLiteral& number);
  void PrintSelector(const VectorSelector& selector);
  void PrintMatrix(const MatrixSelector& matrix);
  void PrintSubquery(const SubqueryExpr& subquery);
  void PrintBinary(const BinaryExpr& binary);
  void PrintMatching(const VectorMatching& matching);
  void PrintFill(std::string_view name, double value);
  void PrintAggregate(const AggregateExpr& aggregate);
  void PrintCall(const Call& call);
  void PrintDuration(const DurationValue& duration);
  void PrintTime(const TimeModifiers& time);

  std::string out_;
};

void Printer::PrintNumber(const NumberLiteral& number) {
  if (!number.is_duration) return AppendPlainNumber(out_, number.value);
  out_ += DurationText(static_cast<int64_t>(std::round(number.value * 1000)));
}

// The quoted form `{"a.b"}` where a name needs it; equal names of a plain
// form stand before the braces only if they were written there.
void Printer::PrintSelector(const VectorSelector& selector) {
  out_ += selector.name;
  std::vector<std::string> parts;
  std::string name_first;
  for (const model::Matcher& matcher : selector.matchers) {
    const bool is_equal_name = matcher.name == model::kMetricName &&
                               matcher.type == model::MatchType::kEqual;
    if (is_equal_name && !selector.name.empty()) continue;
    if (is_equal_name && !matcher.value.empty() && name_first.empty() &&
        !IsPlainMetricName(matcher.value)) {
      name_first = QuotedText(matcher.value);
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
  if (!name_first.empty()) parts.insert(parts.begin(), name_first);
  if (parts.empty() && !selector.name.empty()) return;
  out_ += "{";
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out_ += ",";
    out_ += parts[i];
  }
  out_ += "}";
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
  }
  if (time.offset.expr == nullptr && time.offset.ms == 0) return;
  out_ += " offset ";
  PrintDuration(time.offset);
}

void Printer::PrintMatrix(const MatrixSelector& matrix) {
  PrintSelector(*matrix.selector);
  out_ += "[";
  PrintDuration(matrix.range);
  out_ += "]";
  PrintTime(matrix.selector->time);
}

void Printer::PrintSubquery(const SubqueryExpr& subquery) {
  Print(*subquery.expr);
  out_ += "[";
  PrintDuration(subquery.range);
  out_ += ":";
  if (subquery.step.expr != nullptr || subquery.step.ms != 0) {
    PrintDuration(subquery.step);
  }
  out_ += "]";
  PrintTime(subquery.time);
}

void Printer::PrintBinary(const BinaryExpr& binary) {
  Print(*binary.lhs);
  StrAppend(&out_, " ", OperatorText(binary.op));
  if (binary.return_bool) out_ += " bool";
  if (binary.matching) PrintMatching(*binary.matching);
  out_ += " ";
  Print(*binary.rhs);
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

void Printer::PrintAggregate(const AggregateExpr& aggregate) {
  out_ += AggregateText(aggregate.op);
  if (aggregate.without || !aggregate.grouping.empty()) {
    out_ += aggregate.without ? " without " : " by ";
    AppendLabels(out_, aggregate.grouping);
    out_ += " ";
  }
  out_ += "(";
  if (aggregate.param != nullptr) {
    Print(*aggregate.param);
    out_ += ", ";
  }
  Print(*aggregate.expr);
  out_ += ")";
}

void Printer::PrintCall(const Call& call) {
  StrAppend(&out_, call.function, "(");
  for (size_t i = 0; i < call.args.size(); ++i) {
    if (i > 0) out_ += ", ";
    Print(*call.args[i]);
  }
  out_ += ")";
}

}  // namespace

std::string ExprText(const Expr& expr) {
  Printer printer;
  printer.Print(expr);
  return printer.Take();
}

std::string_view OperatorText(BinaryOp op) {
  static constexpr std::string_view kTexts[] = {
      "+", "-",  "*", "/",  "%",   "^",  "atan2",  "==", "!=",
      "<", "<=", ">", ">=", "and", "or", "unless", "</", ">/"};
  return kTexts[static_cast<size_t>(op)];
}

std::string_view AggregateText(AggregateOp op) {
  static constexpr std::string_view kTexts[] = {
      "sum",      "avg",          "min",    "max",        "count",
      "group",    "stddev",       "stdvar", "topk",       "bottomk",
      "quantile", "count_values", "limitk", "limit_ratio"};
  return kTexts[static_cast<size_t>(op)];
}

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
