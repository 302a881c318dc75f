#include "lib/promql/type_check.h"

#include <algorithm>
#include <string>

#include "lib/base/status.h"
#include "lib/promql/functions.h"
#include "lib/promql/grammar.h"
#include "lib/promql/printer.h"

namespace varve::promql {
namespace {

bool IsScalarOrVector(ValueType type) {
  return type == ValueType::kScalar || type == ValueType::kVector;
}

class Checker {
 public:
  explicit Checker(std::string_view query) : query_(query) {}

  absl::Status Check(Expr& expr);

 private:
  absl::Status CheckSelector(const VectorSelector& selector);
  absl::Status CheckUnary(UnaryExpr& unary);
  absl::Status CheckSubquery(SubqueryExpr& subquery);
  absl::Status CheckAggregate(AggregateExpr& aggregate);
  absl::Status CheckCall(Call& call);
  absl::Status CheckArgumentCount(const Call& call,
                                  const FunctionInfo& function);
  absl::Status CheckInfoSelector(const Call& call);
  absl::Status CheckBinary(BinaryExpr& binary);
  absl::Status CheckMatching(BinaryExpr& binary);
  absl::Status CheckSetMatching(const BinaryExpr& binary);

  template <typename... Pieces>
  absl::Status ErrorAt(const Expr& expr, const Pieces&... pieces) {
    return ParseErrorAt(query_, expr.position.begin, base::StrCat(pieces...));
  }

  absl::Status ExpectType(const Expr& expr, ValueType want,
                          std::string_view context) {
    if (expr.type == want) return absl::OkStatus();
    return ErrorAt(expr, "expected type ", TypeText(want), " in ", context,
                   ", got ", TypeText(expr.type));
  }

  const std::string_view query_;
};

absl::Status Checker::Check(Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kNumber:
    case ExprKind::kString:
      return absl::OkStatus();
    case ExprKind::kVectorSelector:
      return CheckSelector(static_cast<VectorSelector&>(expr));
    case ExprKind::kMatrixSelector:
      return CheckSelector(*static_cast<MatrixSelector&>(expr).selector);
    case ExprKind::kSubquery:
      return CheckSubquery(static_cast<SubqueryExpr&>(expr));
    case ExprKind::kUnary:
      return CheckUnary(static_cast<UnaryExpr&>(expr));
    case ExprKind::kBinary:
      return CheckBinary(static_cast<BinaryExpr&>(expr));
    case ExprKind::kAggregate:
      return CheckAggregate(static_cast<AggregateExpr&>(expr));
    case ExprKind::kCall:
      return CheckCall(static_cast<Call&>(expr));
    case ExprKind::kParen:
      return Check(*static_cast<ParenExpr&>(expr).expr);
  }
  return base::Internal("expression of unknown kind");
}

absl::Status Checker::CheckSelector(const VectorSelector& selector) {
  if (!selector.name.empty() || HasNonEmptyMatcher(selector.matchers)) {
    return absl::OkStatus();
  }
  return ErrorAt(selector,
                 "vector selector must contain at least one non-empty matcher");
}

absl::Status Checker::CheckUnary(UnaryExpr& unary) {
  RETURN_IF_ERROR(Check(*unary.expr));
  if (IsScalarOrVector(unary.expr->type)) return absl::OkStatus();
  return ErrorAt(unary,
                 "unary expression only allowed on expressions of type scalar "
                 "or instant vector, got \"",
                 TypeText(unary.expr->type), "\"");
}

absl::Status Checker::CheckSubquery(SubqueryExpr& subquery) {
  RETURN_IF_ERROR(Check(*subquery.expr));
  if (subquery.expr->type == ValueType::kVector) return absl::OkStatus();
  return ErrorAt(subquery, "subquery is only allowed on instant vector, got ",
                 TypeText(subquery.expr->type), " instead");
}

absl::Status Checker::CheckAggregate(AggregateExpr& aggregate) {
  RETURN_IF_ERROR(Check(*aggregate.expr));
  RETURN_IF_ERROR(ExpectType(*aggregate.expr, ValueType::kVector,
                             "aggregation expression"));
  if (aggregate.param == nullptr) return absl::OkStatus();
  RETURN_IF_ERROR(Check(*aggregate.param));
  return ExpectType(*aggregate.param,
                    aggregate.op == AggregateOp::kCountValues
                        ? ValueType::kString
                        : ValueType::kScalar,
                    "aggregation parameter");
}

absl::Status Checker::CheckArgumentCount(const Call& call,
                                         const FunctionInfo& function) {
  const size_t named = function.arguments.size();
  const size_t given = call.args.size();
  auto wrong = [&](std::string_view bound, size_t wanted) {
    return ErrorAt(call, "expected ", bound, wanted, " argument(s) in call to ",
                   QuotedText(call.function), ", got ", given);
  };
  if (function.variadic == 0) {
    return given == named ? absl::OkStatus() : wrong("", named);
  }
  const size_t least = named - 1;
  if (given < least) return wrong("at least ", least);
  if (function.variadic > 0 && given > least + function.variadic) {
    return wrong("at most ", least + function.variadic);
  }
  return absl::OkStatus();
}

// The second argument of info() is a bare {…}: it selects labels, and may
// match everything.
absl::Status Checker::CheckInfoSelector(const Call& call) {
  const Expr& arg = *call.args[1];
  if (arg.kind != ExprKind::kVectorSelector) {
    return ErrorAt(arg, "expected label selectors only");
  }
  if (!static_cast<const VectorSelector&>(arg).name.empty()) {
    return ErrorAt(
        arg, "expected label selectors only, got vector selector instead");
  }
  return absl::OkStatus();
}

absl::Status Checker::CheckCall(Call& call) {
  const FunctionInfo& function = *FindFunction(call.function);
  RETURN_IF_ERROR(CheckArgumentCount(call, function));
  for (size_t i = 0; i < call.args.size(); ++i) {
    Expr& arg = *call.args[i];
    if (i == 1 && call.function == "info") {
      RETURN_IF_ERROR(CheckInfoSelector(call));
      continue;
    }
    RETURN_IF_ERROR(Check(arg));
    if (function.takes_instant_selector &&
        arg.kind == ExprKind::kVectorSelector) {
      continue;
    }
    const ValueType want =
        function.arguments[std::min(i, function.arguments.size() - 1)];
    RETURN_IF_ERROR(ExpectType(
        arg, want, base::StrCat("call to function \"", call.function, "\"")));
  }
  return absl::OkStatus();
}

absl::Status Checker::CheckBinary(BinaryExpr& binary) {
  RETURN_IF_ERROR(Check(*binary.lhs));
  RETURN_IF_ERROR(Check(*binary.rhs));
  const ValueType lhs = binary.lhs->type;
  const ValueType rhs = binary.rhs->type;
  if (binary.return_bool && !IsComparison(binary.op)) {
    return ErrorAt(binary,
                   "bool modifier can only be used on comparison operators");
  }
  if (IsComparison(binary.op) && !binary.return_bool &&
      lhs == ValueType::kScalar && rhs == ValueType::kScalar) {
    return ErrorAt(binary,
                   "comparisons between scalars must use BOOL modifier");
  }
  for (const Expr* side : {binary.lhs.get(), binary.rhs.get()}) {
    if (IsScalarOrVector(side->type)) continue;
    return ErrorAt(*side,
                   "binary expression must contain only scalar and instant "
                   "vector types");
  }
  if (IsSetOperator(binary.op) &&
      (lhs == ValueType::kScalar || rhs == ValueType::kScalar)) {
    return ErrorAt(binary, "set operator \"", OperatorText(binary.op),
                   "\" not allowed in binary scalar expression");
  }
  return CheckMatching(binary);
}

absl::Status Checker::CheckMatching(BinaryExpr& binary) {
  VectorMatching& matching = *binary.matching;
  if (IsSetOperator(binary.op) &&
      matching.cardinality == MatchCardinality::kOneToOne) {
    matching.cardinality = MatchCardinality::kManyToMany;
  }
  if (matching.on) {
    for (const std::string& label : matching.labels) {
      if (std::ranges::find(matching.include, label) !=
          matching.include.end()) {
        return ErrorAt(binary, "label ", QuotedText(label),
                       " must not occur in ON and GROUP clause at once");
      }
    }
  }
  if (binary.lhs->type == ValueType::kVector &&
      binary.rhs->type == ValueType::kVector) {
    return IsSetOperator(binary.op) ? CheckSetMatching(binary)
                                    : absl::OkStatus();
  }
  if (!matching.labels.empty()) {
    return ErrorAt(binary,
                   "vector matching only allowed between instant vectors");
  }
  if (matching.fill_left || matching.fill_right) {
    return ErrorAt(
        binary,
        "filling in missing series only allowed between instant vectors");
  }
  binary.matching.reset();
  return absl::OkStatus();
}

absl::Status Checker::CheckSetMatching(const BinaryExpr& binary) {
  const VectorMatching& matching = *binary.matching;
  if (matching.cardinality != MatchCardinality::kManyToMany) {
    return ErrorAt(binary, "no grouping allowed for \"",
                   OperatorText(binary.op), "\" operation");
  }
  if (matching.fill_left || matching.fill_right) {
    return ErrorAt(binary,
                   "filling in missing series not allowed for set operators");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTypes(std::string_view query, Expr& expr) {
  return Checker(query).Check(expr);
}

bool HasNonEmptyMatcher(const model::Matchers& matchers) {
  return std::ranges::any_of(matchers, [](const model::Matcher& matcher) {
    auto compiled = model::CompiledMatcher::Make(matcher);
    return compiled.ok() && !compiled->MatchesEmpty();
  });
}

}  // namespace varve::promql
