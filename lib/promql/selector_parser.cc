// Selectors: names, matchers, ranges, subqueries, offset and @.
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "lib/promql/grammar.h"
#include "lib/promql/number_text.h"
#include "lib/promql/printer.h"
#include "lib/promql/quoting.h"

namespace varve::promql {
namespace {

// The modifiers of what may carry some; null for other expressions.
TimeModifiers* ModifiersOf(Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kVectorSelector:
      return &static_cast<VectorSelector&>(expr).time;
    case ExprKind::kMatrixSelector:
      return &static_cast<MatrixSelector&>(expr).selector->time;
    case ExprKind::kSubquery:
      return &static_cast<SubqueryExpr&>(expr).time;
    default:
      return nullptr;
  }
}

bool HasOffset(const TimeModifiers& time) {
  return time.offset.ms != 0 || time.offset.expr != nullptr;
}

}  // namespace

absl::StatusOr<std::string> Grammar::UnquoteToken(const Token& token) {
  auto value = Unquote(token.text);
  if (!value.ok()) {
    return ErrorAt(token.begin,
                   base::StrCat("error unquoting string ", token.text, ": ",
                                base::Message(value.status())));
  }
  return value;
}

absl::StatusOr<ExprPtr> Grammar::ParseOnlySelector() {
  if (At(TokenKind::kEnd)) return ErrorAt(0, "no expression found in input");
  if (!At(TokenKind::kLeftBrace) && !At(TokenKind::kWord)) {
    return Unexpected("", "");
  }
  ASSIGN_OR_RETURN(ExprPtr selector, ParseSelector(At(TokenKind::kWord)));
  if (!At(TokenKind::kEnd)) return Unexpected("", "");
  return selector;
}

absl::StatusOr<ExprPtr> Grammar::ParseSelector(bool named) {
  auto selector = std::make_unique<VectorSelector>();
  const uint32_t begin = Peek().begin;
  if (named) selector->name = Take().text;
  if (At(TokenKind::kLeftBrace)) RETURN_IF_ERROR(ParseMatchers(*selector));
  if (named) {
    for (const model::Matcher& matcher : selector->matchers) {
      if (matcher.name != model::kMetricName) continue;
      return ErrorAt(begin, base::StrCat("metric name must not be set twice: ",
                                         QuotedText(selector->name), " or ",
                                         QuotedText(matcher.value)));
    }
    selector->matchers.push_back({model::MatchType::kEqual,
                                  std::string(model::kMetricName),
                                  selector->name});
  }
  RETURN_IF_ERROR(Adopt(*selector, begin, {}));
  return ExprPtr(std::move(selector));
}

absl::Status Grammar::ParseMatchers(VectorSelector& selector) {
  Take();  // {
  std::optional<std::string> quoted_name;
  while (!At(TokenKind::kRightBrace)) {
    const uint32_t begin = Peek().begin;
    bool is_name = false;
    ASSIGN_OR_RETURN(model::Matcher matcher, ParseMatcher(is_name));
    if (is_name && quoted_name) {
      return ErrorAt(begin, base::StrCat("metric name must not be set twice: ",
                                         QuotedText(*quoted_name), " or ",
                                         QuotedText(matcher.value)));
    }
    if (is_name) quoted_name = matcher.value;
    // A regular expression is judged now, so that its error has a position.
    if (auto compiled = model::CompiledMatcher::Make(matcher); !compiled.ok()) {
      return ErrorAt(begin, base::Message(compiled.status()));
    }
    selector.matchers.push_back(std::move(matcher));
    if (At(TokenKind::kComma)) {
      Take();
    } else if (!At(TokenKind::kRightBrace)) {
      return Unexpected("label matching", "\",\" or \"}\"");
    }
  }
  Take();  // }
  return absl::OkStatus();
}

absl::StatusOr<model::Matcher> Grammar::ParseMatcher(bool& is_name) {
  if (!At(TokenKind::kWord) && !At(TokenKind::kString)) {
    return Unexpected("label matching", "identifier or \"}\"");
  }
  const Token& name = Take();
  model::Matcher matcher;
  if (name.kind == TokenKind::kString) {
    ASSIGN_OR_RETURN(matcher.name, UnquoteToken(name));
    if (!IsUtf8(matcher.name)) {
      return ErrorAt(name.begin, base::StrCat("invalid label name ",
                                              QuotedText(matcher.name)));
    }
  } else {
    matcher.name = name.text;
  }
  switch (Peek().kind) {
    case TokenKind::kAssign:
      matcher.type = model::MatchType::kEqual;
      break;
    case TokenKind::kNotEqual:
      matcher.type = model::MatchType::kNotEqual;
      break;
    case TokenKind::kMatchRegex:
      matcher.type = model::MatchType::kRegex;
      break;
    case TokenKind::kMatchNotRegex:
      matcher.type = model::MatchType::kNotRegex;
      break;
    default:
      if (name.kind != TokenKind::kString) {
        return Unexpected("label matching", "label matching operator");
      }
      is_name = true;
      matcher.value = std::exchange(matcher.name, model::kMetricName);
      return matcher;
  }
  Take();
  if (!At(TokenKind::kString)) return Unexpected("label matching", "string");
  ASSIGN_OR_RETURN(matcher.value, UnquoteToken(Take()));
  return matcher;
}

absl::StatusOr<ExprPtr> Grammar::ParseRange(ExprPtr expr) {
  const uint32_t begin = expr->position.begin;
  const uint32_t bracket = Take().begin;
  ASSIGN_OR_RETURN(DurationValue range, ParsePositiveDuration());
  if (At(TokenKind::kColon)) {
    Take();
    auto subquery = std::make_unique<SubqueryExpr>();
    subquery->range = std::move(range);
    if (!At(TokenKind::kRightBracket)) {
      ASSIGN_OR_RETURN(subquery->step, ParsePositiveDuration());
    }
    RETURN_IF_ERROR(
        Expect(TokenKind::kRightBracket, "subquery selector", "\"]\""));
    subquery->expr = std::move(expr);
    RETURN_IF_ERROR(Adopt(*subquery, begin, {subquery->expr.get()}));
    return ExprPtr(std::move(subquery));
  }
  RETURN_IF_ERROR(
      Expect(TokenKind::kRightBracket, "subquery or range", "\":\" or \"]\""));
  if (expr->kind != ExprKind::kVectorSelector) {
    return ErrorAt(bracket, "ranges only allowed for vector selectors");
  }
  auto matrix = std::make_unique<MatrixSelector>();
  matrix->selector.reset(static_cast<VectorSelector*>(expr.release()));
  if (HasOffset(matrix->selector->time)) {
    return ErrorAt(bracket, "no offset modifiers allowed before range");
  }
  if (matrix->selector->time.at != AtKind::kNone) {
    return ErrorAt(bracket, "no @ modifiers allowed before range");
  }
  matrix->range = std::move(range);
  RETURN_IF_ERROR(Adopt(*matrix, begin, {matrix->selector.get()}));
  return ExprPtr(std::move(matrix));
}

absl::Status Grammar::ParseOffset(Expr& expr) {
  const uint32_t begin = expr.position.begin;
  Take();
  ASSIGN_OR_RETURN(DurationValue offset, ParseOffsetDuration());
  TimeModifiers* time = ModifiersOf(expr);
  if (time == nullptr) {
    return ErrorAt(begin,
                   "offset modifier must be preceded by an instant vector "
                   "selector or range vector selector or a subquery");
  }
  if (HasOffset(*time)) {
    return ErrorAt(begin, "offset may not be set multiple times");
  }
  time->offset = std::move(offset);
  return absl::OkStatus();
}

absl::Status Grammar::ParseAt(Expr& expr) {
  const uint32_t begin = expr.position.begin;
  Take();
  AtKind kind = AtKind::kTimestamp;
  double seconds = 0;
  if (AtWord("start") || AtWord("end")) {
    kind = AtWord("start") ? AtKind::kStart : AtKind::kEnd;
    Take();
    RETURN_IF_ERROR(Expect(TokenKind::kLeftParen, "@", "timestamp"));
    RETURN_IF_ERROR(Expect(TokenKind::kRightParen, "@", "timestamp"));
  } else {
    const bool negative = At(TokenKind::kSub);
    if (negative || At(TokenKind::kAdd)) Take();
    if (!At(TokenKind::kNumber) && !At(TokenKind::kDuration)) {
      return Unexpected("@", "timestamp");
    }
    ASSIGN_OR_RETURN(const ExprPtr number, ParseNumberLiteral());
    seconds = static_cast<const NumberLiteral&>(*number).value;
    if (negative) seconds = -seconds;
    if (!(std::fabs(seconds * 1000) <
          static_cast<double>(std::numeric_limits<int64_t>::max()))) {
      return ErrorAt(begin,
                     base::StrCat("timestamp out of bounds for @ modifier: ",
                                  PlainNumber(seconds)));
    }
  }
  TimeModifiers* time = ModifiersOf(expr);
  if (time == nullptr) {
    return ErrorAt(begin,
                   "@ modifier must be preceded by an instant vector selector "
                   "or range vector selector or a subquery");
  }
  if (time->at != AtKind::kNone) {
    return ErrorAt(begin, "@ <timestamp> may not be set multiple times");
  }
  time->at = kind;
  time->at_ms = static_cast<int64_t>(std::round(seconds * 1000));
  return absl::OkStatus();
}

}  // namespace varve::promql
