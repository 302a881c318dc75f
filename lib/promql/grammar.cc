#include "lib/promql/grammar.h"

#include <algorithm>
#include <utility>

#include "lib/promql/duration.h"
#include "lib/promql/functions.h"
#include "lib/promql/number_text.h"
#include "lib/promql/parser.h"
#include "lib/promql/printer.h"
#include "lib/promql/quoting.h"

namespace varve::promql {
namespace {

constexpr int kPowPrecedence = 6;

struct AggregateInfo {
  std::string_view name;
  AggregateOp op;
};
constexpr AggregateInfo kAggregates[] = {
    {"sum", AggregateOp::kSum},
    {"avg", AggregateOp::kAvg},
    {"min", AggregateOp::kMin},
    {"max", AggregateOp::kMax},
    {"count", AggregateOp::kCount},
    {"group", AggregateOp::kGroup},
    {"stddev", AggregateOp::kStddev},
    {"stdvar", AggregateOp::kStdvar},
    {"topk", AggregateOp::kTopk},
    {"bottomk", AggregateOp::kBottomk},
    {"quantile", AggregateOp::kQuantile},
    {"count_values", AggregateOp::kCountValues},
    {"limitk", AggregateOp::kLimitk},
    {"limit_ratio", AggregateOp::kLimitRatio},
};

const AggregateInfo* FindAggregate(const Token& token) {
  for (const AggregateInfo& info : kAggregates) {
    if (IsWord(token, info.name)) return &info;
  }
  return nullptr;
}

bool TakesParameter(AggregateOp op) { return op >= AggregateOp::kTopk; }

// Words that are never a metric's name.
bool IsReserved(const Token& token) {
  for (std::string_view word :
       {"bool", "on", "ignoring", "group_left", "group_right", "atan2"}) {
    if (IsWord(token, word)) return true;
  }
  return false;
}

struct SymbolOperator {
  TokenKind kind;
  BinaryOperatorInfo info;
};
constexpr SymbolOperator kSymbols[] = {
    {TokenKind::kEqual, {BinaryOp::kEqual, 3}},
    {TokenKind::kNotEqual, {BinaryOp::kNotEqual, 3}},
    {TokenKind::kLess, {BinaryOp::kLess, 3}},
    {TokenKind::kLessEqual, {BinaryOp::kLessEqual, 3}},
    {TokenKind::kGreater, {BinaryOp::kGreater, 3}},
    {TokenKind::kGreaterEqual, {BinaryOp::kGreaterEqual, 3}},
    {TokenKind::kTrimUpper, {BinaryOp::kTrimUpper, 3}},
    {TokenKind::kTrimLower, {BinaryOp::kTrimLower, 3}},
    {TokenKind::kAdd, {BinaryOp::kAdd, 4}},
    {TokenKind::kSub, {BinaryOp::kSub, 4}},
    {TokenKind::kMul, {BinaryOp::kMul, 5}},
    {TokenKind::kDiv, {BinaryOp::kDiv, 5}},
    {TokenKind::kMod, {BinaryOp::kMod, 5}},
    {TokenKind::kPow, {BinaryOp::kPow, kPowPrecedence}},
};
struct WordOperator {
  std::string_view word;
  BinaryOperatorInfo info;
};
constexpr WordOperator kWords[] = {
    {"or", {BinaryOp::kOr, 1}},
    {"and", {BinaryOp::kAnd, 2}},
    {"unless", {BinaryOp::kUnless, 2}},
    {"atan2", {BinaryOp::kAtan2, 5}},
};

}  // namespace

const BinaryOperatorInfo* FindBinaryOperator(const Token& token) {
  for (const SymbolOperator& symbol : kSymbols) {
    if (symbol.kind == token.kind) return &symbol.info;
  }
  for (const WordOperator& word : kWords) {
    if (IsWord(token, word.word)) return &word.info;
  }
  return nullptr;
}

absl::Status ParseErrorAt(std::string_view query, uint32_t position,
                          std::string_view what) {
  const auto before = query.substr(0, position);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return base::InvalidArgument(line, ":", before.size() - line_start + 1,
                               ": parse error: ", what);
}

Grammar::Grammar(std::string_view query)
    : query_(query), list_(Tokenize(query)) {}

const Token& Grammar::Peek(size_t ahead) const {
  return list_.tokens[std::min(next_ + ahead, list_.tokens.size() - 1)];
}

const Token& Grammar::Take() {
  const Token& token = Peek();
  last_end_ = token.end();
  if (next_ + 1 < list_.tokens.size()) ++next_;
  return token;
}

absl::Status Grammar::Expect(TokenKind kind, std::string_view context,
                             std::string_view expected) {
  if (!At(kind)) return Unexpected(context, expected);
  Take();
  return absl::OkStatus();
}

absl::Status Grammar::ErrorAt(uint32_t position, std::string_view what) const {
  return ParseErrorAt(query_, position, what);
}

absl::Status Grammar::Unexpected(std::string_view context,
                                 std::string_view expected) const {
  const Token& token = Peek();
  if (token.kind == TokenKind::kError) return ErrorAt(token.begin, list_.error);
  std::string what = base::StrCat("unexpected ", TokenText(token));
  if (!context.empty()) base::StrAppend(&what, " in ", context);
  if (!expected.empty()) base::StrAppend(&what, ", expected ", expected);
  return ErrorAt(token.begin, what);
}

absl::Status Grammar::Adopt(Expr& parent, uint32_t begin,
                            std::initializer_list<const Expr*> children) const {
  int height = 0;
  for (const Expr* child : children) {
    if (child != nullptr) height = std::max<int>(height, child->height);
  }
  if (height + 1 > kNestingMax) {
    return ErrorAt(
        begin, base::StrCat("nested more than ", kNestingMax, " levels deep"));
  }
  parent.height = static_cast<uint16_t>(height + 1);
  parent.position = {begin, last_end()};
  return absl::OkStatus();
}

absl::StatusOr<ExprPtr> Grammar::ParseQuery() {
  if (At(TokenKind::kEnd)) return ErrorAt(0, "no expression found in input");
  ASSIGN_OR_RETURN(ExprPtr expr, ParseBinary(0));
  if (!At(TokenKind::kEnd)) return Unexpected("", "");
  return expr;
}

absl::StatusOr<ExprPtr> Grammar::ParseBinary(int precedence_min) {
  const NestingGuard guard(*this);
  RETURN_IF_ERROR(guard.status());
  ASSIGN_OR_RETURN(ExprPtr lhs, ParseUnary());
  for (;;) {
    const BinaryOperatorInfo* info = FindBinaryOperator(Peek());
    if (info == nullptr || info->precedence < precedence_min) return lhs;
    Take();
    auto binary = std::make_unique<BinaryExpr>();
    binary->op = info->op;
    RETURN_IF_ERROR(ParseBinaryModifiers(*binary));
    const bool right_associative = info->op == BinaryOp::kPow;
    ASSIGN_OR_RETURN(binary->rhs, ParseBinary(info->precedence +
                                              (right_associative ? 0 : 1)));
    binary->lhs = std::move(lhs);
    if (binary->lhs->type == ValueType::kScalar &&
        binary->rhs->type == ValueType::kScalar) {
      binary->type = ValueType::kScalar;
    }
    const uint32_t begin = binary->lhs->position.begin;
    RETURN_IF_ERROR(
        Adopt(*binary, begin, {binary->lhs.get(), binary->rhs.get()}));
    lhs = std::move(binary);
  }
}

absl::StatusOr<ExprPtr> Grammar::ParseUnary() {
  if (!At(TokenKind::kAdd) && !At(TokenKind::kSub)) return ParsePostfix();
  const Token& sign = Take();
  const bool negate = sign.kind == TokenKind::kSub;
  ASSIGN_OR_RETURN(ExprPtr operand, ParseBinary(kPowPrecedence));
  if (operand->kind == ExprKind::kNumber) {
    auto& number = static_cast<NumberLiteral&>(*operand);
    if (negate) number.value = -number.value;
    number.position.begin = sign.begin;
    return operand;
  }
  auto unary = std::make_unique<UnaryExpr>();
  unary->negate = negate;
  unary->type = operand->type;
  unary->expr = std::move(operand);
  RETURN_IF_ERROR(Adopt(*unary, sign.begin, {unary->expr.get()}));
  return ExprPtr(std::move(unary));
}

absl::StatusOr<ExprPtr> Grammar::ParsePostfix() {
  ASSIGN_OR_RETURN(ExprPtr expr, ParsePrimary());
  for (;;) {
    if (At(TokenKind::kLeftBracket)) {
      ASSIGN_OR_RETURN(expr, ParseRange(std::move(expr)));
    } else if (AtWord("offset")) {
      RETURN_IF_ERROR(ParseOffset(*expr));
      expr->position.end = last_end();
    } else if (At(TokenKind::kAt)) {
      RETURN_IF_ERROR(ParseAt(*expr));
      expr->position.end = last_end();
    } else {
      return expr;
    }
  }
}

absl::StatusOr<ExprPtr> Grammar::ParsePrimary() {
  switch (Peek().kind) {
    case TokenKind::kNumber:
    case TokenKind::kDuration:
      return ParseNumberLiteral();
    case TokenKind::kString:
      return ParseStringLiteral();
    case TokenKind::kLeftParen:
      return ParseParen();
    case TokenKind::kLeftBrace:
      return ParseSelector(/*named=*/false);
    case TokenKind::kWord:
      return ParseWord();
    default:
      return Unexpected("", "");
  }
}

absl::StatusOr<ExprPtr> Grammar::ParseWord() {
  const Token& word = Peek();
  const Token& following = Peek(1);
  const bool called = following.kind == TokenKind::kLeftParen;
  if (const AggregateInfo* info = FindAggregate(word);
      info != nullptr &&
      (called || IsWord(following, "by") || IsWord(following, "without"))) {
    return ParseAggregate(info->op);
  }
  if (IsReserved(word)) return Unexpected("", "");
  if (called && word.text.find(':') == word.text.npos) return ParseCall();
  return ParseSelector(/*named=*/true);
}

absl::StatusOr<ExprPtr> Grammar::ParseNumberLiteral() {
  const Token& token = Take();
  auto number = std::make_unique<NumberLiteral>();
  if (token.kind == TokenKind::kDuration) {
    const auto ms = ParseDurationMs(token.text);
    if (!ms.ok()) return ErrorAt(token.begin, base::Message(ms.status()));
    number->value = static_cast<double>(*ms) / 1000;
    number->is_duration = true;
  } else {
    const auto value = ParseNumber(token.text);
    if (!value) {
      return ErrorAt(token.begin,
                     base::StrCat("error parsing number: ", token.text));
    }
    number->value = *value;
  }
  number->position = {token.begin, token.end()};
  return ExprPtr(std::move(number));
}

absl::StatusOr<ExprPtr> Grammar::ParseStringLiteral() {
  const Token& token = Take();
  auto literal = std::make_unique<StringLiteral>();
  ASSIGN_OR_RETURN(literal->value, UnquoteToken(token));
  literal->position = {token.begin, token.end()};
  return ExprPtr(std::move(literal));
}

absl::StatusOr<ExprPtr> Grammar::ParseParen() {
  const uint32_t begin = Take().begin;
  auto paren = std::make_unique<ParenExpr>();
  ASSIGN_OR_RETURN(paren->expr, ParseBinary(0));
  RETURN_IF_ERROR(Expect(TokenKind::kRightParen, "", ""));
  paren->type = paren->expr->type;
  RETURN_IF_ERROR(Adopt(*paren, begin, {paren->expr.get()}));
  return ExprPtr(std::move(paren));
}

absl::StatusOr<std::vector<ExprPtr>> Grammar::ParseArguments() {
  RETURN_IF_ERROR(Expect(TokenKind::kLeftParen, "", "\"(\""));
  std::vector<ExprPtr> arguments;
  if (At(TokenKind::kRightParen)) {
    Take();
    return arguments;
  }
  for (;;) {
    ASSIGN_OR_RETURN(ExprPtr argument, ParseBinary(0));
    arguments.push_back(std::move(argument));
    if (At(TokenKind::kRightParen)) {
      Take();
      return arguments;
    }
    if (!At(TokenKind::kComma)) return Unexpected("", "");
    const uint32_t comma = Take().begin;
    if (At(TokenKind::kRightParen)) {
      return ErrorAt(comma,
                     "trailing commas not allowed in function call args");
    }
  }
}

absl::StatusOr<ExprPtr> Grammar::ParseCall() {
  const Token& name = Take();
  const FunctionInfo* function = FindFunction(name.text);
  if (function == nullptr) {
    return ErrorAt(name.begin, base::StrCat("unknown function with name ",
                                            QuotedText(name.text)));
  }
  auto call = std::make_unique<Call>();
  call->function = name.text;
  call->type = function->result;
  ASSIGN_OR_RETURN(call->args, ParseArguments());
  const Expr* tallest = nullptr;
  for (const ExprPtr& arg : call->args) {
    if (tallest == nullptr || arg->height > tallest->height) {
      tallest = arg.get();
    }
  }
  RETURN_IF_ERROR(Adopt(*call, name.begin, {tallest}));
  return ExprPtr(std::move(call));
}

absl::StatusOr<ExprPtr> Grammar::ParseAggregate(AggregateOp op) {
  const uint32_t begin = Take().begin;
  auto aggregate = std::make_unique<AggregateExpr>();
  aggregate->op = op;
  ASSIGN_OR_RETURN(const bool modified, ParseAggregateModifier(*aggregate));
  if (!At(TokenKind::kLeftParen)) return Unexpected("aggregation", "");
  ASSIGN_OR_RETURN(std::vector<ExprPtr> arguments, ParseArguments());
  if (!modified) {
    RETURN_IF_ERROR(ParseAggregateModifier(*aggregate).status());
  }
  if (arguments.empty()) {
    return ErrorAt(begin, "no arguments for aggregate expression provided");
  }
  const size_t wanted = TakesParameter(op) ? 2 : 1;
  if (arguments.size() != wanted) {
    return ErrorAt(begin,
                   base::StrCat("wrong number of arguments for aggregate "
                                "expression provided, expected ",
                                wanted, ", got ", arguments.size()));
  }
  aggregate->expr = std::move(arguments.back());
  if (wanted == 2) aggregate->param = std::move(arguments.front());
  RETURN_IF_ERROR(Adopt(*aggregate, begin,
                        {aggregate->expr.get(), aggregate->param.get()}));
  return ExprPtr(std::move(aggregate));
}

}  // namespace varve::promql
