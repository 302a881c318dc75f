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
    {TokenKind::kEqual, {BinaryOp::kEqual, kComparisonPrecedence}},
    {TokenKind::kNotEqual, {BinaryOp::kNotEqual, kComparisonPrecedence}},
    {TokenKind::kLess, {BinaryOp::kLess, kComparisonPrecedence}},
    {TokenKind::kLessEqual, {BinaryOp::kLessEqual, kComparisonPrecedence}},
    {TokenKind::kGreater, {BinaryOp::kGreater, kComparisonPrecedence}},
    {TokenKind::kGreaterEqual,
     {BinaryOp::kGreaterEqual, kComparisonPrecedence}},
    {TokenKind::kTrimUpper, {BinaryOp::kTrimUpper, kComparisonPrecedence}},
    {TokenKind::kTrimLower, {BinaryOp::kTrimLower, kComparisonPrecedence}},
    {TokenKind::kAdd, {BinaryOp::kAdd, kAddPrecedence}},
    {TokenKind::kSub, {BinaryOp::kSub, kAddPrecedence}},
    {TokenKind::kMul, {BinaryOp::kMul, kMulPrecedence}},
    {TokenKind::kDiv, {BinaryOp::kDiv, kMulPrecedence}},
    {TokenKind::kMod, {BinaryOp::kMod, kMulPrecedence}},
    {TokenKind::kPow, {BinaryOp::kPow, kPowPrecedence}},
};
struct WordOperator {
  std::string_view word;
  BinaryOperatorInfo info;
};
constexpr WordOperator kWords[] = {
    {"default", {BinaryOp::kDefault, kDefaultPrecedence}},
    {"if", {BinaryOp::kIf, kIfPrecedence}},
    {"ifnot", {BinaryOp::kIfNot, kIfPrecedence}},
    {"or", {BinaryOp::kOr, kOrPrecedence}},
    {"and", {BinaryOp::kAnd, kAndPrecedence}},
    {"unless", {BinaryOp::kUnless, kAndPrecedence}},
    {"atan2", {BinaryOp::kAtan2, kMulPrecedence}},
};

const Expr* Tallest(const std::vector<ExprPtr>& exprs) {
  const Expr* tallest = nullptr;
  for (const ExprPtr& expr : exprs) {
    if (tallest == nullptr || expr->height > tallest->height) {
      tallest = expr.get();
    }
  }
  return tallest;
}

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

Grammar::Grammar(std::string_view query, Dialect dialect)
    : query_(query), dialect_(dialect), list_(Tokenize(query)) {
  AddBuiltinTemplates();
}

const Token& Grammar::Peek(size_t ahead) const {
  return list_.tokens[std::min(next_ + ahead, list_.tokens.size() - 1)];
}

const Token& Grammar::Take() {
  const Token& token = Peek();
  last_end_ = token.end();
  ++taken_;
  taken_bytes_ += token.text.size();
  if (next_ + 1 < list_.tokens.size()) ++next_;
  return token;
}

bool Grammar::TakeWord(std::string_view lower) {
  if (!AtWord(lower)) return false;
  Take();
  return true;
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
  // A plus is for the strings of MetricsQL; Prometheus does not know it here.
  if (token.kind == TokenKind::kAdd && context == "label matching") {
    return ErrorAt(token.begin, "unexpected character inside braces: '+'");
  }
  if (token.kind == TokenKind::kError) return ErrorAt(token.begin, list_.error);
  // Inside braces no word is a keyword.
  const bool is_label =
      token.kind == TokenKind::kWord && context == "label matching";
  std::string what = base::StrCat(
      "unexpected ", is_label ? base::StrCat("identifier \"", token.text, "\"")
                              : TokenText(token));
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
  ASSIGN_OR_RETURN(ExprPtr expr, ParseBinary(kDefaultPrecedence));
  if (!At(TokenKind::kEnd)) return Unexpected("", "");
  return expr;
}

absl::StatusOr<ExprPtr> Grammar::ParseBinary(int precedence_min) {
  const NestingGuard guard(*this);
  RETURN_IF_ERROR(guard.status());
  if (taken_ > kTokensMax || taken_bytes_ > kTokenBytesMax) {
    return ErrorAt(
        Peek().begin,
        base::StrCat("WITH templates expand to more than ", kTokensMax,
                     " tokens or ", kTokenBytesMax, " bytes"));
  }
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
    ASSIGN_OR_RETURN(lhs, FinishBinary(std::move(binary)));
    if (lhs->kind == ExprKind::kBinary && TakeWord("keep_metric_names")) {
      static_cast<BinaryExpr&>(*lhs).keep_metric_names = true;
      ASSIGN_OR_RETURN(lhs, InParens(std::move(lhs)));
    }
  }
}

absl::StatusOr<ExprPtr> Grammar::InParens(ExprPtr expr) const {
  auto paren = std::make_unique<ParenExpr>();
  paren->type = expr->type;
  paren->expr = std::move(expr);
  RETURN_IF_ERROR(
      Adopt(*paren, paren->expr->position.begin, {paren->expr.get()}));
  paren->position = paren->expr->position;
  return ExprPtr(std::move(paren));
}

// Strings are joined at once; a chain of operators is one level high.
absl::StatusOr<ExprPtr> Grammar::FinishBinary(
    std::unique_ptr<BinaryExpr> binary) {
  Expr& lhs = *binary->lhs;
  Expr& rhs = *binary->rhs;
  if (binary->op == BinaryOp::kAdd && lhs.kind == ExprKind::kString &&
      rhs.kind == ExprKind::kString) {
    static_cast<StringLiteral&>(lhs).value +=
        static_cast<const StringLiteral&>(rhs).value;
    lhs.position.end = last_end();
    return std::move(binary->lhs);
  }
  if (lhs.type == ValueType::kScalar && rhs.type == ValueType::kScalar) {
    binary->type = ValueType::kScalar;
  }
  RETURN_IF_ERROR(Adopt(*binary, lhs.position.begin, {&rhs}));
  const int left = lhs.height + (lhs.kind == ExprKind::kBinary ? 0 : 1);
  binary->height = static_cast<uint16_t>(std::max<int>(binary->height, left));
  return ExprPtr(std::move(binary));
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
      RETURN_IF_ERROR(ParseOffset(expr));
      expr->position.end = last_end();
    } else if (At(TokenKind::kAt)) {
      RETURN_IF_ERROR(ParseAt(expr));
      expr->position.end = last_end();
    } else if (AtWord("anchored") || AtWord("smoothed")) {
      RETURN_IF_ERROR(ParseEdges(*expr));
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
      return ParseNumberWord();
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
  if (called && IsWord(word, "with")) return ParseWith();
  if (const Binding* found = FindTemplate(word, called); found != nullptr) {
    if (following.kind != TokenKind::kLeftBrace) return Expand(*found);
    return ParseSelector(/*named=*/true);
  }
  if (const AggregateInfo* info = FindAggregate(word.text);
      info != nullptr &&
      (called || IsWord(following, "by") || IsWord(following, "without"))) {
    return ParseAggregate(*info);
  }
  if (IsReserved(word)) return Unexpected("", "");
  if (called && word.text.find(':') == word.text.npos) return ParseCall();
  return ParseSelector(/*named=*/true);
}

absl::StatusOr<ExprPtr> Grammar::ParseNumberLiteral() {
  const Token& token = Take();
  auto number = std::make_unique<NumberLiteral>();
  if (token.kind == TokenKind::kDuration) {
    number->is_steps = token.text.ends_with('i');
    const auto seconds = number->is_steps ? ParseStepCount(token.text)
                                          : ParseDurationSeconds(token.text);
    if (!seconds.ok()) {
      return ErrorAt(token.begin, base::Message(seconds.status()));
    }
    number->value = *seconds;
    number->is_duration = !number->is_steps;
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

absl::StatusOr<ExprPtr> Grammar::ParseNumberWord(bool after_sign) {
  const uint32_t begin = Peek().begin;
  bool joins = dialect_ == Dialect::kMetricsql && At(TokenKind::kDuration);
  ASSIGN_OR_RETURN(ExprPtr expr, ParseNumberLiteral());
  const auto continues = [this] {
    return At(TokenKind::kSub) && Peek().begin == last_end() &&
           Peek(1).kind == TokenKind::kDuration &&
           Peek(1).begin == Peek().end();
  };
  joins = joins && continues();
  while (joins && continues()) {
    Take();
    auto both = std::make_unique<BinaryExpr>();
    both->op = after_sign ? BinaryOp::kAdd : BinaryOp::kSub;
    both->type = ValueType::kScalar;
    both->matching.emplace();  // as of any operator between operands
    both->lhs = std::move(expr);
    ASSIGN_OR_RETURN(both->rhs, ParseNumberLiteral());
    RETURN_IF_ERROR(Adopt(*both, begin,
                          {both->lhs.get(), both->rhs.get()}));
    expr = std::move(both);
  }
  if (!joins) return expr;
  // Operators do not reach into it.
  auto word = std::make_unique<ParenExpr>();
  word->type = ValueType::kScalar;
  word->expr = std::move(expr);
  RETURN_IF_ERROR(Adopt(*word, begin, {word->expr.get()}));
  return ExprPtr(std::move(word));
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
  ASSIGN_OR_RETURN(ExprPtr expr, ParseBinary(kDefaultPrecedence));
  if (At(TokenKind::kComma)) return ParseUnion(begin, std::move(expr));
  auto paren = std::make_unique<ParenExpr>();
  paren->expr = std::move(expr);
  RETURN_IF_ERROR(Expect(TokenKind::kRightParen, "", ""));
  if (paren->expr->kind == ExprKind::kBinary && TakeWord("keep_metric_names")) {
    static_cast<BinaryExpr&>(*paren->expr).keep_metric_names = true;
  }
  paren->type = paren->expr->type;
  RETURN_IF_ERROR(Adopt(*paren, begin, {paren->expr.get()}));
  return ExprPtr(std::move(paren));
}

// (a, b) is union(a, b). A list of strings stays one: functions that take one
// look at its arguments.
absl::StatusOr<ExprPtr> Grammar::ParseUnion(uint32_t begin, ExprPtr first) {
  auto call = std::make_unique<Call>();
  call->function = "union";
  call->args.push_back(std::move(first));
  while (At(TokenKind::kComma)) {
    Take();
    if (At(TokenKind::kRightParen)) break;
    ASSIGN_OR_RETURN(ExprPtr next, ParseBinary(kDefaultPrecedence));
    call->args.push_back(std::move(next));
  }
  RETURN_IF_ERROR(Expect(TokenKind::kRightParen, "", ""));
  if (std::ranges::all_of(call->args, [](const ExprPtr& arg) {
        return arg->type == ValueType::kString;
      })) {
    call->type = ValueType::kString;
  }
  RETURN_IF_ERROR(Adopt(*call, begin, {Tallest(call->args)}));
  return ExprPtr(std::move(call));
}

absl::StatusOr<std::vector<ExprPtr>> Grammar::ParseArguments() {
  RETURN_IF_ERROR(Expect(TokenKind::kLeftParen, "", "\"(\""));
  std::vector<ExprPtr> arguments;
  while (!At(TokenKind::kRightParen)) {
    ASSIGN_OR_RETURN(ExprPtr argument, ParseBinary(kDefaultPrecedence));
    arguments.push_back(std::move(argument));
    if (At(TokenKind::kComma)) {
      Take();
    } else if (!At(TokenKind::kRightParen)) {
      return Unexpected("", "");
    }
  }
  Take();
  return arguments;
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
  call->keep_metric_names = TakeWord("keep_metric_names");
  RETURN_IF_ERROR(Adopt(*call, name.begin, {Tallest(call->args)}));
  return ExprPtr(std::move(call));
}

absl::StatusOr<ExprPtr> Grammar::ParseAggregate(const AggregateInfo& info) {
  const uint32_t begin = Take().begin;
  auto aggregate = std::make_unique<AggregateExpr>();
  aggregate->op = info.op;
  ASSIGN_OR_RETURN(const bool modified, ParseAggregateModifier(*aggregate));
  if (!At(TokenKind::kLeftParen)) return Unexpected("aggregation", "");
  ASSIGN_OR_RETURN(std::vector<ExprPtr> arguments, ParseArguments());
  if (!modified) {
    RETURN_IF_ERROR(ParseAggregateModifier(*aggregate).status());
  }
  RETURN_IF_ERROR(ParseLimit(*aggregate));
  const Expr* tallest = Tallest(arguments);
  RETURN_IF_ERROR(
      SplitArguments(info, std::move(arguments), begin, *aggregate));
  RETURN_IF_ERROR(Adopt(*aggregate, begin, {tallest}));
  return ExprPtr(std::move(aggregate));
}

// Parameters, vectors, tail: only sum(a, b) and its kin without parameters
// take several vectors.
absl::Status Grammar::SplitArguments(const AggregateInfo& info,
                                     std::vector<ExprPtr> arguments,
                                     uint32_t begin, AggregateExpr& aggregate) {
  if (arguments.empty()) {
    return ErrorAt(begin, "no arguments for aggregate expression provided");
  }
  const size_t given = arguments.size();
  size_t parameters = info.parameters.size();
  if (info.repeats && given > parameters + 1) parameters = given - 1;
  const bool has_tail = info.has_tail && given == parameters + 2;
  const size_t vectors = given - std::min(given, parameters) - has_tail;
  if (vectors < 1 || (vectors > 1 && parameters > 0)) {
    return ErrorAt(begin,
                   base::StrCat("wrong number of arguments for aggregate "
                                "expression provided, expected ",
                                parameters + 1, ", got ", given));
  }
  for (size_t i = 0; i < given; ++i) {
    if (i == 0 && parameters > 0) {
      aggregate.param = std::move(arguments[i]);
    } else if (i < parameters || i >= parameters + vectors) {
      aggregate.more_params.push_back(std::move(arguments[i]));
    } else if (i == parameters) {
      aggregate.expr = std::move(arguments[i]);
    } else {
      aggregate.more_exprs.push_back(std::move(arguments[i]));
    }
  }
  return absl::OkStatus();
}

}  // namespace varve::promql
