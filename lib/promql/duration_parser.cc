// Durations in brackets and after offset: numbers (seconds), 5m, arithmetic,
// step(), range(), min(a, b), max(a, b).
#include <utility>

#include "lib/promql/duration.h"
#include "lib/promql/grammar.h"

namespace varve::promql {
namespace {

constexpr std::string_view kExpected = "number, duration, step(), or range()";

bool IsDurationCall(const Token& token) {
  for (std::string_view name :
       {"step", "range", "min", "max", "min_of", "max_of"}) {
    if (IsWord(token, name)) return true;
  }
  return false;
}

// As written: what only turns out to be 0 is an error of the whole duration.
bool IsZero(const Expr& expr) {
  return expr.kind == ExprKind::kNumber &&
         static_cast<const NumberLiteral&>(expr).value == 0;
}

// Of numbers and durations alone, no deeper than a written duration may be.
bool IsDurationTree(const Expr& expr, int levels = kNestingMax) {
  if (levels == 0) return false;
  const auto is_tree = [levels](const ExprPtr& child) {
    return IsDurationTree(*child, levels - 1);
  };
  switch (expr.kind) {
    case ExprKind::kNumber:
      return true;
    case ExprKind::kParen:
      return is_tree(static_cast<const ParenExpr&>(expr).expr);
    case ExprKind::kUnary:
      return is_tree(static_cast<const UnaryExpr&>(expr).expr);
    case ExprKind::kBinary: {
      const auto& binary = static_cast<const BinaryExpr&>(expr);
      return is_tree(binary.lhs) && is_tree(binary.rhs);
    }
    default:
      return false;
  }
}

}  // namespace

absl::StatusOr<DurationValue> Grammar::Fold(ExprPtr expr) {
  DurationValue value;
  const uint32_t begin = expr->position.begin;
  const bool deferred = DependsOnQuery(*expr);
  value.expr = std::move(expr);
  if (deferred) return value;
  const auto ms = DurationMs(value, {});
  if (!ms.ok()) return ErrorAt(begin, base::Message(ms.status()));
  value.ms = *ms;
  value.expr = nullptr;
  return value;
}

absl::StatusOr<DurationValue> Grammar::ParsePositiveDuration() {
  const uint32_t begin = Peek().begin;
  ASSIGN_OR_RETURN(ExprPtr expr, ParseDurationBinary(kAddPrecedence));
  ASSIGN_OR_RETURN(DurationValue value, Fold(std::move(expr)));
  if (value.expr == nullptr && value.ms <= 0) {
    return ErrorAt(begin, "duration must be greater than 0");
  }
  return value;
}

// Without parentheses only one term: `m offset 1m + 1m` adds one minute's
// seconds to the value of m. After `offset (1m)` operators belong to the
// duration, as in Prometheus.
absl::StatusOr<DurationValue> Grammar::ParseOffsetDuration() {
  const uint32_t begin = Peek().begin;
  const bool is_signed = At(TokenKind::kSub) || At(TokenKind::kAdd);
  if (Peek(is_signed ? 1 : 0).kind == TokenKind::kLeftParen) {
    ASSIGN_OR_RETURN(ExprPtr expr,
                     ParseDurationBinary(kAddPrecedence, "offset"));
    return Fold(std::move(expr));
  }
  const bool negate = At(TokenKind::kSub);
  if (negate || At(TokenKind::kAdd)) Take();
  const bool is_number = At(TokenKind::kNumber) || At(TokenKind::kDuration);
  ASSIGN_OR_RETURN(ExprPtr expr, is_number ? ParseNumberWord(negate)
                                           : ParseDurationPrimary("offset"));
  if (negate) {
    auto unary = std::make_unique<UnaryExpr>();
    unary->negate = true;
    unary->expr = std::move(expr);
    RETURN_IF_ERROR(Adopt(*unary, begin, {unary->expr.get()}));
    expr = std::move(unary);
  }
  return Fold(std::move(expr));
}

absl::StatusOr<ExprPtr> Grammar::ParseDurationBinary(int precedence_min,
                                                     std::string_view context) {
  const NestingGuard guard(*this);
  RETURN_IF_ERROR(guard.status());
  ASSIGN_OR_RETURN(ExprPtr lhs, ParseDurationUnary(context));
  for (;;) {
    const BinaryOperatorInfo* info = FindBinaryOperator(Peek());
    if (info == nullptr || info->precedence < precedence_min ||
        info->precedence < kAddPrecedence || info->op == BinaryOp::kAtan2) {
      return lhs;
    }
    const uint32_t operator_begin = Take().begin;
    auto binary = std::make_unique<BinaryExpr>();
    binary->op = info->op;
    binary->type = ValueType::kScalar;
    const bool right_associative = info->op == BinaryOp::kPow;
    ASSIGN_OR_RETURN(
        binary->rhs,
        ParseDurationBinary(info->precedence + (right_associative ? 0 : 1),
                            context));
    if (IsZero(*binary->rhs) && info->op == BinaryOp::kDiv) {
      return ErrorAt(operator_begin, "division by zero");
    }
    if (IsZero(*binary->rhs) && info->op == BinaryOp::kMod) {
      return ErrorAt(operator_begin, "modulo by zero");
    }
    binary->lhs = std::move(lhs);
    RETURN_IF_ERROR(Adopt(*binary, binary->lhs->position.begin,
                          {binary->lhs.get(), binary->rhs.get()}));
    lhs = std::move(binary);
  }
}

absl::StatusOr<ExprPtr> Grammar::ParseDurationUnary(std::string_view context) {
  if (!At(TokenKind::kAdd) && !At(TokenKind::kSub)) {
    return ParseDurationPrimary(context);
  }
  const Token& sign = Take();
  auto unary = std::make_unique<UnaryExpr>();
  unary->negate = sign.kind == TokenKind::kSub;
  ASSIGN_OR_RETURN(unary->expr, ParseDurationBinary(kPowPrecedence, context));
  RETURN_IF_ERROR(Adopt(*unary, sign.begin, {unary->expr.get()}));
  return ExprPtr(std::move(unary));
}

absl::StatusOr<ExprPtr> Grammar::ParseDurationPrimary(
    std::string_view context) {
  if (At(TokenKind::kNumber) || At(TokenKind::kDuration)) {
    return ParseNumberLiteral();
  }
  if (At(TokenKind::kLeftParen)) {
    const uint32_t begin = Take().begin;
    auto paren = std::make_unique<ParenExpr>();
    paren->type = ValueType::kScalar;
    ASSIGN_OR_RETURN(paren->expr, ParseDurationBinary(kAddPrecedence, context));
    if (!At(TokenKind::kRightParen)) return Unexpected(context, kExpected);
    Take();
    RETURN_IF_ERROR(Adopt(*paren, begin, {paren->expr.get()}));
    return ExprPtr(std::move(paren));
  }
  if (IsDurationCall(Peek()) && Peek(1).kind == TokenKind::kLeftParen) {
    return ParseDurationCall(context);
  }
  if (const Binding* found = FindTemplate(Peek(), false); found != nullptr) {
    const uint32_t begin = Peek().begin;
    ASSIGN_OR_RETURN(ExprPtr expr, Expand(*found));
    if (IsDurationTree(*expr)) return expr;
    return ErrorAt(begin, "the template is no duration");
  }
  return Unexpected(context, kExpected);
}

absl::StatusOr<ExprPtr> Grammar::ParseDurationCall(
    std::string_view context) {
  const Token& name = Take();
  auto call = std::make_unique<Call>();
  call->type = ValueType::kScalar;
  for (std::string_view function : {"step", "range", "min", "max"}) {
    if (IsWord(name, function)) call->function = function;
  }
  if (IsWord(name, "min_of")) call->function = "min";
  if (IsWord(name, "max_of")) call->function = "max";
  const bool takes_two = call->function[0] == 'm';
  RETURN_IF_ERROR(Expect(TokenKind::kLeftParen, context, "\"(\""));
  for (size_t i = 0; takes_two && i < 2; ++i) {
    if (i > 0) RETURN_IF_ERROR(Expect(TokenKind::kComma, context, "\",\""));
    ASSIGN_OR_RETURN(ExprPtr argument,
                     ParseDurationBinary(kAddPrecedence, context));
    call->args.push_back(std::move(argument));
  }
  RETURN_IF_ERROR(Expect(TokenKind::kRightParen, context, "\")\""));
  const Expr* first = takes_two ? call->args[0].get() : nullptr;
  const Expr* second = takes_two ? call->args[1].get() : nullptr;
  RETURN_IF_ERROR(Adopt(*call, name.begin, {first, second}));
  return ExprPtr(std::move(call));
}

}  // namespace varve::promql
