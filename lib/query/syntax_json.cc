#include "lib/query/syntax_json.h"

#include <string_view>
#include <vector>

#include "lib/base/strings.h"
#include "lib/promql/functions.h"
#include "lib/promql/number_text.h"
#include "lib/promql/printer.h"
#include "lib/query/json.h"

namespace varve::query {
namespace {

using base::StrAppend;
using promql::Expr;
using promql::ExprKind;

std::string_view Bool(bool value) { return value ? "true" : "false"; }

// ,"name":
void Key(std::string& out, std::string_view name) {
  StrAppend(&out, ",\"", name, "\":");
}

void AppendStrings(std::string& out, const std::vector<std::string>& texts) {
  out += '[';
  for (size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) out += ',';
    AppendJsonString(out, texts[i]);
  }
  out += ']';
}

void AppendExprs(std::string& out, const std::vector<promql::ExprPtr>& exprs) {
  out += '[';
  for (size_t i = 0; i < exprs.size(); ++i) {
    if (i > 0) out += ',';
    AppendSyntaxJson(out, *exprs[i]);
  }
  out += ']';
}

void AppendDuration(std::string& out, std::string_view name,
                    const promql::DurationValue& duration) {
  Key(out, name);
  if (duration.expr == nullptr) {
    StrAppend(&out, duration.ms);
  } else {
    AppendJsonString(out, promql::ExprText(*duration.expr));
  }
}

void AppendTime(std::string& out, const promql::TimeModifiers& time) {
  AppendDuration(out, "offset", time.offset);
  Key(out, "timestamp");
  if (time.at == promql::AtKind::kTimestamp) {
    StrAppend(&out, time.at_ms);
  } else {
    out += "null";
  }
  Key(out, "startOrEnd");
  out += time.at == promql::AtKind::kStart ? "\"start\""
         : time.at == promql::AtKind::kEnd ? "\"end\""
                                           : "null";
  if (time.at_expr != nullptr) {
    Key(out, "timestampExpr");
    AppendJsonString(out, promql::ExprText(*time.at_expr));
  }
}

void AppendMatchers(std::string& out, const model::Matchers& matchers) {
  static constexpr std::string_view kTypes[] = {"=", "!=", "=~", "!~"};
  out += '[';
  bool first = true;
  for (const model::Matcher& matcher : matchers) {
    out += first ? "{\"name\":" : ",{\"name\":";
    first = false;
    AppendJsonString(out, matcher.name);
    out += ",\"type\":\"";
    out += kTypes[static_cast<size_t>(matcher.type)];
    out += "\",\"value\":";
    AppendJsonString(out, matcher.value);
    out += '}';
  }
  out += ']';
}

void AppendSelector(std::string& out, const promql::VectorSelector& selector) {
  Key(out, "name");
  AppendJsonString(out, selector.name);
  Key(out, "matchers");
  AppendMatchers(out, selector.matchers);
  if (!selector.or_matchers.empty()) {
    Key(out, "or_matchers");
    out += '[';
    for (size_t i = 0; i < selector.or_matchers.size(); ++i) {
      if (i > 0) out += ',';
      AppendMatchers(out, selector.or_matchers[i]);
    }
    out += ']';
  }
  if (selector.edges != promql::RangeEdges::kPlain) {
    const bool anchored = selector.edges == promql::RangeEdges::kAnchored;
    Key(out, anchored ? "anchored" : "smoothed");
    out += "true";
  }
  AppendTime(out, selector.time);
}

void AppendFill(std::string& out, const std::optional<double>& fill) {
  if (fill) {
    AppendJsonString(out, promql::PlainNumber(*fill));
  } else {
    out += "null";
  }
}

void AppendMatching(std::string& out, const promql::BinaryExpr& binary) {
  static constexpr std::string_view kCards[] = {"one-to-one", "many-to-one",
                                                "one-to-many", "many-to-many"};
  Key(out, "matching");
  if (!binary.matching) {
    out += "null";
    return;
  }
  const promql::VectorMatching& matching = *binary.matching;
  StrAppend(&out, "{\"card\":\"",
            kCards[static_cast<size_t>(matching.cardinality)],
            "\",\"labels\":");
  AppendStrings(out, matching.labels);
  StrAppend(&out, ",\"on\":", Bool(matching.on), ",\"include\":");
  AppendStrings(out, matching.include);
  if (matching.fill_left || matching.fill_right) {
    out += ",\"fillValues\":{\"lhs\":";
    AppendFill(out, matching.fill_left);
    out += ",\"rhs\":";
    AppendFill(out, matching.fill_right);
    out += '}';
  }
  out += '}';
}

void AppendAggregate(std::string& out, const promql::AggregateExpr& aggregate) {
  StrAppend(&out, "\"aggregation\",\"op\":\"",
            promql::AggregateText(aggregate.op), "\",\"expr\":");
  AppendSyntaxJson(out, *aggregate.expr);
  Key(out, "param");
  if (aggregate.param != nullptr) {
    AppendSyntaxJson(out, *aggregate.param);
  } else {
    out += "null";
  }
  if (!aggregate.more_params.empty()) {
    Key(out, "moreParams");
    AppendExprs(out, aggregate.more_params);
  }
  if (!aggregate.more_exprs.empty()) {
    Key(out, "moreExprs");
    AppendExprs(out, aggregate.more_exprs);
  }
  if (aggregate.limit > 0) StrAppend(&out, ",\"limit\":", aggregate.limit);
  Key(out, "grouping");
  AppendStrings(out, aggregate.grouping);
  StrAppend(&out, ",\"without\":", Bool(aggregate.without));
}

// The words of the API, unlike those of errors.
std::string_view TypeName(promql::ValueType type) {
  static constexpr std::string_view kNames[] = {"scalar", "string", "vector",
                                                "matrix"};
  return kNames[static_cast<size_t>(type)];
}

void AppendCall(std::string& out, const promql::Call& call) {
  StrAppend(&out, "\"call\",\"func\":{\"name\":\"", call.function,
            "\",\"argTypes\":[");
  const promql::FunctionInfo& info = *promql::FindFunction(call.function);
  bool first = true;
  for (const auto types : {info.arguments, info.tail}) {
    for (const promql::ValueType type : types) {
      StrAppend(&out, first ? "\"" : ",\"", TypeName(type), "\"");
      first = false;
    }
  }
  StrAppend(&out, "],\"variadic\":", info.variadic, ",\"returnType\":\"",
            TypeName(info.result), "\"},\"args\":");
  AppendExprs(out, call.args);
  if (call.keep_metric_names) out += ",\"keepMetricNames\":true";
}

void AppendSubquery(std::string& out, const promql::SubqueryExpr& subquery) {
  out += "\"subquery\",\"expr\":";
  AppendSyntaxJson(out, *subquery.expr);
  AppendDuration(out, "range", subquery.range);
  AppendDuration(out, "step", subquery.step);
  AppendTime(out, subquery.time);
}

// A chain a + b + c … in a loop, so that its length costs no stack.
void AppendChain(std::string& out, const promql::BinaryExpr& outermost) {
  std::vector<const promql::BinaryExpr*> chain = {&outermost};
  while (chain.back()->lhs->kind == ExprKind::kBinary) {
    chain.push_back(
        static_cast<const promql::BinaryExpr*>(chain.back()->lhs.get()));
  }
  for (const promql::BinaryExpr* binary : chain) {
    if (binary != &outermost) out += "{\"type\":";
    StrAppend(&out, "\"binaryExpr\",\"op\":\"",
              promql::OperatorText(binary->op), "\",\"lhs\":");
  }
  AppendSyntaxJson(out, *chain.back()->lhs);
  for (; !chain.empty(); chain.pop_back()) {
    const promql::BinaryExpr& binary = *chain.back();
    Key(out, "rhs");
    AppendSyntaxJson(out, *binary.rhs);
    AppendMatching(out, binary);
    StrAppend(&out, ",\"bool\":", Bool(binary.return_bool));
    if (binary.keep_metric_names) out += ",\"keepMetricNames\":true";
    if (&binary != &outermost) out += '}';
  }
}

void AppendMembers(std::string& out, const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kNumber:
      StrAppend(&out, "\"numberLiteral\",\"val\":\"",
                promql::PlainNumber(
                    static_cast<const promql::NumberLiteral&>(expr).value),
                "\"");
      return;
    case ExprKind::kString:
      out += "\"stringLiteral\",\"val\":";
      return AppendJsonString(
          out, static_cast<const promql::StringLiteral&>(expr).value);
    case ExprKind::kVectorSelector:
      out += "\"vectorSelector\"";
      return AppendSelector(out,
                            static_cast<const promql::VectorSelector&>(expr));
    case ExprKind::kMatrixSelector: {
      const auto& matrix = static_cast<const promql::MatrixSelector&>(expr);
      out += "\"matrixSelector\"";
      AppendDuration(out, "range", matrix.range);
      return AppendSelector(out, *matrix.selector);
    }
    case ExprKind::kSubquery:
      return AppendSubquery(out,
                            static_cast<const promql::SubqueryExpr&>(expr));
    case ExprKind::kUnary: {
      const auto& unary = static_cast<const promql::UnaryExpr&>(expr);
      StrAppend(&out, "\"unaryExpr\",\"op\":\"", unary.negate ? "-" : "+",
                "\",\"expr\":");
      return AppendSyntaxJson(out, *unary.expr);
    }
    case ExprKind::kBinary:
      return AppendChain(out, static_cast<const promql::BinaryExpr&>(expr));
    case ExprKind::kAggregate:
      return AppendAggregate(out,
                             static_cast<const promql::AggregateExpr&>(expr));
    case ExprKind::kCall:
      return AppendCall(out, static_cast<const promql::Call&>(expr));
    case ExprKind::kParen:
      out += "\"parenExpr\",\"expr\":";
      return AppendSyntaxJson(
          out, *static_cast<const promql::ParenExpr&>(expr).expr);
    case ExprKind::kShift: {
      const auto& shift = static_cast<const promql::ShiftExpr&>(expr);
      out += "\"shift\",\"expr\":";
      AppendSyntaxJson(out, *shift.expr);
      return AppendTime(out, shift.time);
    }
  }
}

}  // namespace

void AppendSyntaxJson(std::string& out, const Expr& expr) {
  if (expr.kind == ExprKind::kCall &&
      static_cast<const promql::Call&>(expr).implicit) {
    return AppendSyntaxJson(out,
                            *static_cast<const promql::Call&>(expr).args[0]);
  }
  out += "{\"type\":";
  AppendMembers(out, expr);
  out += '}';
}

}  // namespace varve::query
