// Selectors: names, matchers, ranges, subqueries, offset and @.
#include <algorithm>
#include <cmath>
#include <iterator>
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
    case ExprKind::kShift:
      return &static_cast<ShiftExpr&>(expr).time;
    default:
      return nullptr;
  }
}

// As many groups come from one selector at most; each costs an index lookup.
constexpr size_t kMatcherGroupsMax = 1000;

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
  const uint32_t begin = Peek().begin;
  if (const Binding* found = FindTemplate(Peek(), false);
      named && found != nullptr) {
    return ParseTemplateSelector(*found);
  }
  auto selector = std::make_unique<VectorSelector>();
  const bool escaped = named && Peek().escaped();
  const std::string name(named ? Take().text : "");
  // An escaped one, perhaps a keyword, is printed among the matchers.
  if (!escaped) selector->name = name;
  std::vector<model::Matchers> groups(1);
  if (At(TokenKind::kLeftBrace)) {
    ASSIGN_OR_RETURN(groups, ParseMatcherGroups());
  }
  if (named) {
    if (!IsUtf8(name)) {
      return ErrorAt(begin,
                     base::StrCat("invalid metric name ", QuotedText(name)));
    }
    RETURN_IF_ERROR(AddName(name, groups, begin));
  }
  selector->matchers = std::move(groups[0]);
  selector->or_matchers.assign(std::move_iterator(groups.begin() + 1),
                               std::move_iterator(groups.end()));
  RETURN_IF_ERROR(Adopt(*selector, begin, {}));
  return ExprPtr(std::move(selector));
}

absl::Status Grammar::AddName(const std::string& name,
                              std::vector<model::Matchers>& groups,
                              uint32_t begin) {
  for (model::Matchers& matchers : groups) {
    for (const model::Matcher& matcher : matchers) {
      if (matcher.name != model::kMetricName) continue;
      return ErrorAt(begin, base::StrCat("metric name must not be set twice: ",
                                         QuotedText(name), " or ",
                                         QuotedText(matcher.value)));
    }
    matchers.push_back(
        {model::MatchType::kEqual, std::string(model::kMetricName), name});
  }
  return absl::OkStatus();
}

// name{…} where the name is a WITH template: its selector with more matchers.
absl::StatusOr<ExprPtr> Grammar::ParseTemplateSelector(const Binding& binding) {
  const uint32_t begin = Peek().begin;
  ASSIGN_OR_RETURN(ExprPtr expr, Expand(binding));
  Expr* inner = expr.get();
  if (inner->kind == ExprKind::kMatrixSelector) {
    inner = static_cast<MatrixSelector*>(inner)->selector.get();
  }
  if (inner->kind != ExprKind::kVectorSelector) {
    return ErrorAt(begin,
                   base::StrCat("the WITH template ", QuotedText(binding.name),
                                " is no selector"));
  }
  auto& selector = static_cast<VectorSelector&>(*inner);
  ASSIGN_OR_RETURN(const std::vector<model::Matchers> more,
                   ParseMatcherGroups());
  const std::vector<model::Matchers> given = selector.MatcherGroups();
  if (given.size() > 1 && more.size() > 1) {
    return ErrorAt(begin,
                   base::StrCat("the WITH template ", QuotedText(binding.name),
                                " and its matchers both have `or`"));
  }
  selector.or_matchers.clear();
  for (size_t i = 0; i < given.size() * more.size(); ++i) {
    model::Matchers group = given[i / more.size()];
    const model::Matchers& add = more[i % more.size()];
    group.insert(group.end(), add.begin(), add.end());
    if (i == 0) {
      selector.matchers = std::move(group);
    } else {
      selector.or_matchers.push_back(std::move(group));
    }
  }
  return expr;
}

absl::StatusOr<std::vector<model::Matchers>> Grammar::ParseMatcherGroups() {
  Take();  // {
  std::vector<model::Matchers> groups;
  do {
    if (groups.size() >= kMatcherGroupsMax) {
      return ErrorAt(Peek().begin,
                     base::StrCat("more than ", kMatcherGroupsMax,
                                  " groups of matchers joined by `or`"));
    }
    RETURN_IF_ERROR(ParseMatchers(groups.emplace_back()));
  } while (TakeWord("or"));
  RETURN_IF_ERROR(
      Expect(TokenKind::kRightBrace, "label matching", "\",\" or \"}\""));
  // A group without matchers takes whatever the others take.
  if (std::ranges::any_of(groups, &model::Matchers::empty)) {
    return std::vector<model::Matchers>(1);
  }
  return groups;
}

// Up to `or` or the closing brace.
absl::Status Grammar::ParseMatchers(model::Matchers& matchers) {
  std::optional<std::string> quoted_name;
  while (!At(TokenKind::kRightBrace)) {
    const uint32_t begin = Peek().begin;
    const TokenKind following = Peek(1).kind;
    const bool alone = following == TokenKind::kComma ||
                       following == TokenKind::kRightBrace ||
                       IsWord(Peek(1), "or");
    if (alone && FindTemplate(Peek(), false) != nullptr) {
      RETURN_IF_ERROR(ExpandFilter(matchers));
    } else {
      bool is_name = false;
      ASSIGN_OR_RETURN(model::Matcher matcher, ParseMatcher(is_name));
      if (is_name && quoted_name) {
        return ErrorAt(begin,
                       base::StrCat("metric name must not be set twice: ",
                                    QuotedText(*quoted_name), " or ",
                                    QuotedText(matcher.value)));
      }
      if (is_name) quoted_name = matcher.value;
      // A regular expression is judged now, so that its error has a position.
      if (auto compiled = model::CompiledMatcher::Make(matcher);
          !compiled.ok()) {
        return ErrorAt(begin, base::Message(compiled.status()));
      }
      matchers.push_back(std::move(matcher));
    }
    if (At(TokenKind::kComma)) {
      Take();
    } else if (AtWord("or")) {
      return absl::OkStatus();
    } else if (!At(TokenKind::kRightBrace)) {
      return Unexpected("label matching", "\",\" or \"}\"");
    }
  }
  return absl::OkStatus();
}

// {name} where the name is a WITH template of the form {…}.
absl::Status Grammar::ExpandFilter(model::Matchers& matchers) {
  const uint32_t begin = Peek().begin;
  const Binding& binding = *FindTemplate(Peek(), false);
  ASSIGN_OR_RETURN(const ExprPtr expr, Expand(binding));
  if (expr->kind == ExprKind::kVectorSelector) {
    const auto& selector = static_cast<const VectorSelector&>(*expr);
    if (selector.or_matchers.empty()) {
      matchers.insert(matchers.end(), selector.matchers.begin(),
                      selector.matchers.end());
      return absl::OkStatus();
    }
  }
  return ErrorAt(begin,
                 base::StrCat("the WITH template ", QuotedText(binding.name),
                              " is no {…} without `or`"));
}

// Strings and templates that are strings, joined by +.
absl::StatusOr<std::string> Grammar::ParseMatcherValue() {
  std::string value;
  for (;;) {
    if (const Binding* found = FindTemplate(Peek(), false); found != nullptr) {
      ASSIGN_OR_RETURN(const std::string more, ExpandString(*found));
      value += more;
    } else if (At(TokenKind::kString)) {
      ASSIGN_OR_RETURN(const std::string more, UnquoteToken(Take()));
      value += more;
    } else {
      return Unexpected("label matching", "string");
    }
    if (!At(TokenKind::kAdd)) return value;
    Take();
  }
}

absl::StatusOr<model::Matcher> Grammar::ParseMatcher(bool& is_name) {
  if (!At(TokenKind::kWord) && !At(TokenKind::kString)) {
    return Unexpected("label matching", "identifier or \"}\"");
  }
  const Token& name = Take();
  model::Matcher matcher;
  if (name.kind == TokenKind::kString) {
    ASSIGN_OR_RETURN(matcher.name, UnquoteToken(name));
  } else {
    matcher.name = name.text;
  }
  if (!IsUtf8(matcher.name)) {
    return ErrorAt(name.begin, base::StrCat("invalid label name ",
                                            QuotedText(matcher.name)));
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
  ASSIGN_OR_RETURN(matcher.value, ParseMatcherValue());
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
  if (expr->kind != ExprKind::kVectorSelector &&
      dialect_ == Dialect::kMetricsql) {
    auto subquery = std::make_unique<SubqueryExpr>();
    subquery->range = std::move(range);
    subquery->expr = std::move(expr);
    RETURN_IF_ERROR(Adopt(*subquery, begin, {subquery->expr.get()}));
    return ExprPtr(std::move(subquery));
  }
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

absl::StatusOr<TimeModifiers*> Grammar::ModifiersFor(
    ExprPtr& expr, std::string_view modifier) {
  if (TimeModifiers* time = ModifiersOf(*expr); time != nullptr) return time;
  const uint32_t begin = expr->position.begin;
  if (expr->type != ValueType::kVector) {
    return ErrorAt(begin, base::StrCat(modifier,
                                       " must be preceded by an instant vector "
                                       "selector or range vector selector or "
                                       "a subquery"));
  }
  auto shift = std::make_unique<ShiftExpr>();
  shift->expr = std::move(expr);
  RETURN_IF_ERROR(Adopt(*shift, begin, {shift->expr.get()}));
  TimeModifiers* time = &shift->time;
  expr = std::move(shift);
  return time;
}

absl::Status Grammar::ParseOffset(ExprPtr& expr) {
  const uint32_t begin = expr->position.begin;
  Take();
  ASSIGN_OR_RETURN(DurationValue offset, ParseOffsetDuration());
  ASSIGN_OR_RETURN(TimeModifiers * time, ModifiersFor(expr, "offset modifier"));
  if (HasOffset(*time)) {
    return ErrorAt(begin, "offset may not be set multiple times");
  }
  time->offset = std::move(offset);
  return absl::OkStatus();
}

absl::Status Grammar::ParseEdges(Expr& expr) {
  const RangeEdges edges =
      AtWord("anchored") ? RangeEdges::kAnchored : RangeEdges::kSmoothed;
  const Token& word = Take();
  VectorSelector* selector = nullptr;
  if (expr.kind == ExprKind::kVectorSelector) {
    selector = static_cast<VectorSelector*>(&expr);
  } else if (expr.kind == ExprKind::kMatrixSelector) {
    selector = static_cast<MatrixSelector&>(expr).selector.get();
  }
  if (selector == nullptr) {
    return ErrorAt(expr.position.begin,
                   base::StrCat(word.text,
                                " modifier must be preceded by an "
                                "instant vector selector or range "
                                "vector selector"));
  }
  if (selector->edges != RangeEdges::kPlain) {
    return ErrorAt(expr.position.begin,
                   "anchored and smoothed modifiers may not be set twice");
  }
  selector->edges = edges;
  return absl::OkStatus();
}

absl::StatusOr<double> Grammar::ParseAtSeconds(uint32_t begin) {
  const bool negative = At(TokenKind::kSub);
  if (negative || At(TokenKind::kAdd)) Take();
  if (!At(TokenKind::kNumber) && !At(TokenKind::kDuration)) {
    return Unexpected("@", "timestamp");
  }
  ASSIGN_OR_RETURN(const ExprPtr number, ParseNumberLiteral());
  const double value = static_cast<const NumberLiteral&>(*number).value;
  const double seconds = negative ? -value : value;
  if (!(std::fabs(seconds * 1000) <
        static_cast<double>(std::numeric_limits<int64_t>::max()))) {
    return ErrorAt(begin,
                   base::StrCat("timestamp out of bounds for @ modifier: ",
                                PlainNumber(seconds)));
  }
  return seconds;
}

// In parentheses, or a call: what follows them belongs to the selector.
absl::StatusOr<ExprPtr> Grammar::ParseAtExpression() {
  const NestingGuard guard(*this);
  RETURN_IF_ERROR(guard.status());
  return ParsePrimary();
}

absl::Status Grammar::ParseAt(ExprPtr& expr) {
  const uint32_t begin = expr->position.begin;
  Take();
  AtKind kind = AtKind::kTimestamp;
  double seconds = 0;
  ExprPtr at;
  if (At(TokenKind::kLeftParen) ||
      (At(TokenKind::kWord) && Peek(1).kind == TokenKind::kLeftParen &&
       !AtWord("start") && !AtWord("end"))) {
    kind = AtKind::kExpr;
    ASSIGN_OR_RETURN(at, ParseAtExpression());
    const int height = std::max<int>(expr->height, at->height + 1);
    if (height > kNestingMax) {
      return ErrorAt(begin, base::StrCat("nested more than ", kNestingMax,
                                         " levels deep"));
    }
    expr->height = static_cast<uint16_t>(height);
  } else if (AtWord("start") || AtWord("end")) {
    kind = AtWord("start") ? AtKind::kStart : AtKind::kEnd;
    Take();
    RETURN_IF_ERROR(Expect(TokenKind::kLeftParen, "@", "timestamp"));
    RETURN_IF_ERROR(Expect(TokenKind::kRightParen, "@", "timestamp"));
  } else {
    ASSIGN_OR_RETURN(seconds, ParseAtSeconds(begin));
  }
  ASSIGN_OR_RETURN(TimeModifiers * time, ModifiersFor(expr, "@ modifier"));
  if (time->at != AtKind::kNone) {
    return ErrorAt(begin, "@ <timestamp> may not be set multiple times");
  }
  time->at = kind;
  time->at_expr = std::move(at);
  time->at_ms = static_cast<int64_t>(std::round(seconds * 1000));
  return absl::OkStatus();
}

}  // namespace varve::promql
