#include "lib/promql/type_check.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/promql/functions.h"
#include "lib/promql/grammar.h"
#include "lib/promql/metricsql_functions.h"
#include "lib/promql/printer.h"

namespace varve::promql {
namespace {

bool IsScalarOrVector(ValueType type) {
  return type == ValueType::kScalar || type == ValueType::kVector;
}

// function(slot), which the printer leaves out.
void WrapInCall(ExprPtr& slot, std::string_view function) {
  auto call = std::make_unique<Call>();
  call->function = function;
  call->type = FindFunction(function)->result;
  call->implicit = true;
  call->position = slot->position;
  call->height = static_cast<uint16_t>(slot->height + 1);
  call->args.push_back(std::move(slot));
  slot = std::move(call);
}

// rate(m) reads a range of one step, rate(sum(m)) a subquery.
void MakeRange(ExprPtr& slot) {
  ExprPtr* inner = &slot;
  while ((*inner)->kind == ExprKind::kParen) {
    inner = &static_cast<ParenExpr&>(**inner).expr;
  }
  const Position position = slot->position;
  const auto height = static_cast<uint16_t>(slot->height + 1);
  if ((*inner)->kind == ExprKind::kVectorSelector) {
    auto matrix = std::make_unique<MatrixSelector>();
    matrix->selector.reset(static_cast<VectorSelector*>(inner->release()));
    matrix->implicit = true;
    slot = std::move(matrix);
  } else {
    auto subquery = std::make_unique<SubqueryExpr>();
    subquery->expr = std::move(slot);
    subquery->implicit = true;
    slot = std::move(subquery);
  }
  slot->position = position;
  slot->height = height;
}

void Convert(ExprPtr& slot, ValueType want, bool lenient) {
  const ValueType type = slot->type;
  if (type == want) return;
  if (want == ValueType::kMatrix) {
    if (type == ValueType::kScalar && lenient) WrapInCall(slot, "vector");
    if (slot->type == ValueType::kVector) MakeRange(slot);
  } else if (!lenient || type == ValueType::kString) {
    return;
  } else if (want == ValueType::kVector) {
    WrapInCall(slot, type == ValueType::kScalar ? "vector" : "default_rollup");
  } else if (want == ValueType::kScalar && type == ValueType::kVector) {
    WrapInCall(slot, "scalar");
  }
}

// histogram_quantiles has two orders of arguments: a label first is
// MetricsQL's.
const FunctionInfo& FunctionOf(const Call& call) {
  const bool label_first =
      !call.args.empty() && call.args[0]->type == ValueType::kString;
  if (label_first && call.function == "histogram_quantiles") {
    return MetricsqlHistogramQuantiles();
  }
  return *FindFunction(call.function);
}

class Checker {
 public:
  Checker(std::string_view query, Dialect dialect)
      : query_(query), lenient_(dialect == Dialect::kMetricsql) {}

  absl::Status Check(Expr& expr);

 private:
  absl::Status CheckSelector(VectorSelector& selector);
  absl::Status CheckAt(TimeModifiers& time);
  absl::Status CheckUnary(UnaryExpr& unary);
  absl::Status CheckSubquery(SubqueryExpr& subquery);
  absl::Status CheckAggregate(AggregateExpr& aggregate);
  absl::Status CheckCall(Call& call);
  absl::Status CheckArgumentCount(const Call& call,
                                  const FunctionInfo& function);
  absl::Status CheckInfoSelector(const Call& call);
  absl::Status CheckShift(ShiftExpr& shift);
  absl::Status CheckChain(BinaryExpr& binary);
  absl::Status CheckBinary(BinaryExpr& binary);
  void ConvertSides(BinaryExpr& binary);
  absl::Status CheckMatching(BinaryExpr& binary);
  absl::Status CheckSetMatching(const BinaryExpr& binary);

  template <typename... Pieces>
  absl::Status ErrorAt(const Expr& expr, const Pieces&... pieces) {
    return ParseErrorAt(query_, expr.position.begin, base::StrCat(pieces...));
  }

  // At the operator itself.
  template <typename... Pieces>
  absl::Status OperatorError(const BinaryExpr& binary,
                             const Pieces&... pieces) {
    const size_t at =
        query_.find_first_not_of(" \t\r\n", binary.lhs->position.end);
    return ParseErrorAt(query_,
                        static_cast<uint32_t>(std::min(at, query_.size())),
                        base::StrCat(pieces...));
  }

  // Makes `slot` have the type if it can; `lenient` as in MetricsQL.
  absl::Status ExpectType(ExprPtr& slot, ValueType want, bool lenient,
                          std::string_view context) {
    Convert(slot, want, lenient || lenient_);
    const Expr& expr = *slot;
    if (expr.type == want) return absl::OkStatus();
    return ErrorAt(expr, "expected type ", TypeText(want), " in ", context,
                   ", got ", TypeText(expr.type));
  }

  const std::string_view query_;
  const bool lenient_;
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
      return CheckChain(static_cast<BinaryExpr&>(expr));
    case ExprKind::kAggregate:
      return CheckAggregate(static_cast<AggregateExpr&>(expr));
    case ExprKind::kCall:
      return CheckCall(static_cast<Call&>(expr));
    case ExprKind::kParen: {
      auto& paren = static_cast<ParenExpr&>(expr);
      RETURN_IF_ERROR(Check(*paren.expr));
      paren.type = paren.expr->type;
      return absl::OkStatus();
    }
    case ExprKind::kShift:
      return CheckShift(static_cast<ShiftExpr&>(expr));
  }
  return base::Internal("expression of unknown kind");
}

// Of `@ (expr)`; nested no deeper than the parser allows.
absl::Status Checker::CheckAt(TimeModifiers& time) {
  if (time.at_expr == nullptr) return absl::OkStatus();
  RETURN_IF_ERROR(Check(*time.at_expr));
  if (time.at_expr->type == ValueType::kScalar) return absl::OkStatus();
  return ErrorAt(*time.at_expr, "expected type scalar after @, got ",
                 TypeText(time.at_expr->type));
}

absl::Status Checker::CheckSelector(VectorSelector& selector) {
  RETURN_IF_ERROR(CheckAt(selector.time));
  if (lenient_ || !selector.name.empty() ||
      (HasNonEmptyMatcher(selector.matchers) &&
       std::ranges::all_of(selector.or_matchers, HasNonEmptyMatcher))) {
    return absl::OkStatus();
  }
  return ErrorAt(selector,
                 "vector selector must contain at least one non-empty matcher");
}

absl::Status Checker::CheckUnary(UnaryExpr& unary) {
  RETURN_IF_ERROR(Check(*unary.expr));
  if (lenient_ && unary.expr->type == ValueType::kMatrix) {
    Convert(unary.expr, ValueType::kVector, true);
  }
  unary.type = unary.expr->type;
  if (IsScalarOrVector(unary.expr->type)) return absl::OkStatus();
  return ErrorAt(unary,
                 "unary expression only allowed on expressions of type scalar "
                 "or instant vector, got \"",
                 TypeText(unary.expr->type), "\"");
}

absl::Status Checker::CheckSubquery(SubqueryExpr& subquery) {
  RETURN_IF_ERROR(CheckAt(subquery.time));
  RETURN_IF_ERROR(Check(*subquery.expr));
  Convert(subquery.expr, ValueType::kVector, lenient_);
  if (subquery.expr->type == ValueType::kVector) return absl::OkStatus();
  const ValueType type = subquery.expr->type;
  return ErrorAt(subquery, "subquery is only allowed on instant vector, got ",
                 type == ValueType::kMatrix ? "matrix" : TypeText(type),
                 " instead");
}

absl::Status Checker::CheckShift(ShiftExpr& shift) {
  RETURN_IF_ERROR(CheckAt(shift.time));
  RETURN_IF_ERROR(Check(*shift.expr));
  return ExpectType(shift.expr, ValueType::kVector, false,
                    "expression with an offset or @ modifier");
}

absl::Status Checker::CheckAggregate(AggregateExpr& aggregate) {
  const AggregateInfo& info = InfoOf(aggregate.op);
  RETURN_IF_ERROR(Check(*aggregate.expr));
  RETURN_IF_ERROR(ExpectType(aggregate.expr, ValueType::kVector, info.metricsql,
                             "aggregation expression"));
  for (ExprPtr& expr : aggregate.more_exprs) {
    RETURN_IF_ERROR(Check(*expr));
    RETURN_IF_ERROR(ExpectType(expr, ValueType::kVector, info.metricsql,
                               "aggregation expression"));
  }
  if (aggregate.param != nullptr) {
    RETURN_IF_ERROR(Check(*aggregate.param));
    RETURN_IF_ERROR(ExpectType(aggregate.param, info.parameters[0],
                               info.metricsql, "aggregation parameter"));
  }
  for (size_t i = 0; i < aggregate.more_params.size(); ++i) {
    ExprPtr& param = aggregate.more_params[i];
    const bool is_tail = info.has_tail && i + 1 == aggregate.more_params.size();
    const ValueType want =
        is_tail ? ValueType::kString
                : info.parameters[std::min(i + 1, info.parameters.size() - 1)];
    RETURN_IF_ERROR(Check(*param));
    RETURN_IF_ERROR(
        ExpectType(param, want, info.metricsql, "aggregation parameter"));
  }
  return absl::OkStatus();
}

absl::Status Checker::CheckArgumentCount(const Call& call,
                                         const FunctionInfo& function) {
  const size_t named = function.arguments.size() + function.tail.size();
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
  const FunctionInfo& function = FunctionOf(call);
  RETURN_IF_ERROR(CheckArgumentCount(call, function));
  if (call.type == ValueType::kString) return absl::OkStatus();  // ("a", "b")
  for (size_t i = 0; i < call.args.size(); ++i) {
    ExprPtr& arg = call.args[i];
    if (i == 1 && call.function == "info") {
      RETURN_IF_ERROR(CheckInfoSelector(call));
      continue;
    }
    RETURN_IF_ERROR(Check(*arg));
    if (function.takes_instant_selector &&
        arg->kind == ExprKind::kVectorSelector) {
      continue;
    }
    RETURN_IF_ERROR(ExpectType(
        arg, function.ArgumentType(i, call.args.size()), function.metricsql,
        base::StrCat("call to function \"", call.function, "\"")));
  }
  return absl::OkStatus();
}

// A chain a + b + c … from its innermost operator outwards, so that its
// length costs no stack.
absl::Status Checker::CheckChain(BinaryExpr& binary) {
  std::vector<BinaryExpr*> chain = {&binary};
  while (chain.back()->lhs->kind == ExprKind::kBinary) {
    chain.push_back(static_cast<BinaryExpr*>(chain.back()->lhs.get()));
  }
  RETURN_IF_ERROR(Check(*chain.back()->lhs));
  for (; !chain.empty(); chain.pop_back()) {
    RETURN_IF_ERROR(Check(*chain.back()->rhs));
    RETURN_IF_ERROR(CheckBinary(*chain.back()));
  }
  return absl::OkStatus();
}

absl::Status Checker::CheckBinary(BinaryExpr& binary) {
  if (binary.return_bool && !IsComparison(binary.op)) {
    return OperatorError(
        binary, "bool modifier can only be used on comparison operators");
  }
  if (lenient_) ConvertSides(binary);
  const ValueType lhs = binary.lhs->type;
  const ValueType rhs = binary.rhs->type;
  if (IsComparison(binary.op) && !binary.return_bool &&
      lhs == ValueType::kScalar && rhs == ValueType::kScalar) {
    return OperatorError(binary,
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
  binary.type = lhs == ValueType::kScalar && rhs == ValueType::kScalar
                    ? ValueType::kScalar
                    : ValueType::kVector;
  return CheckMatching(binary);
}

// Range vectors are read at the moment; a comparison of two scalars filters,
// and sets are of vectors.
void Checker::ConvertSides(BinaryExpr& binary) {
  for (ExprPtr* side : {&binary.lhs, &binary.rhs}) {
    if ((*side)->type == ValueType::kMatrix || IsSetOperator(binary.op)) {
      Convert(*side, ValueType::kVector, true);
    }
  }
  if (IsComparison(binary.op) && !binary.return_bool &&
      binary.lhs->type == ValueType::kScalar &&
      binary.rhs->type == ValueType::kScalar) {
    Convert(binary.lhs, ValueType::kVector, true);
  }
}

absl::Status Checker::CheckMatching(BinaryExpr& binary) {
  VectorMatching& matching = *binary.matching;
  const bool is_set = IsSetOperator(binary.op) || IsFillOperator(binary.op);
  if (is_set && matching.cardinality == MatchCardinality::kOneToOne) {
    matching.cardinality = MatchCardinality::kManyToMany;
  }
  if (matching.on) {
    for (const std::string& label : matching.labels) {
      if (std::ranges::find(matching.include, label) !=
          matching.include.end()) {
        return OperatorError(binary, "label ", QuotedText(label),
                             " must not occur in ON and GROUP clause at once");
      }
    }
  }
  if (binary.lhs->type == ValueType::kVector &&
      binary.rhs->type == ValueType::kVector) {
    return is_set ? CheckSetMatching(binary) : absl::OkStatus();
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

absl::Status CheckTypes(std::string_view query, Dialect dialect,
                        ExprPtr& expr) {
  return Checker(query, dialect).Check(*expr);
}

bool HasNonEmptyMatcher(const model::Matchers& matchers) {
  return std::ranges::any_of(matchers, [](const model::Matcher& matcher) {
    auto compiled = model::CompiledMatcher::Make(matcher);
    return compiled.ok() && !compiled->MatchesEmpty();
  });
}

}  // namespace varve::promql
