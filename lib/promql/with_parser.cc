// WITH (name = expression, f(a, b) = expression, …) expression.
//
// A definition may use those before it. A template used where a label list, a
// string, a duration or matchers are expected must be that.
#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

#include "lib/promql/grammar.h"
#include "lib/promql/printer.h"

namespace varve::promql {
namespace {

// What must be in parentheses to stay together where it is put.
bool NeedsParens(const Expr& expr) {
  if (expr.kind == ExprKind::kNumber) {
    return std::signbit(static_cast<const NumberLiteral&>(expr).value);
  }
  return expr.kind == ExprKind::kBinary || expr.kind == ExprKind::kUnary;
}

// The name, if the expression is nothing but one; else "".
std::string_view OnlyName(const Expr& expr) {
  if (expr.kind == ExprKind::kParen) {
    return OnlyName(*static_cast<const ParenExpr&>(expr).expr);
  }
  if (expr.kind != ExprKind::kVectorSelector) return "";
  const auto& selector = static_cast<const VectorSelector&>(expr);
  return selector.matchers.size() == 1 ? std::string_view(selector.name) : "";
}

// Functions of MetricsQL that are nothing but templates: the share of a
// resource that is used, in percent, and the seconds until it is used up.
constexpr std::string_view kBuiltins =
    "ru(freev, maxv) = "
    "clamp_min(maxv - clamp_min(freev, 0), 0) / clamp_min(maxv, 0) * 100, "
    "ttf(freev) = smooth_exponential("
    "clamp_max(clamp_max(-freev, 0) / clamp_max(deriv_fast(freev), 0), "
    "31536000), min_of(step() / 300, 1)), ";

bool CallsBuiltin(const std::vector<Token>& tokens) {
  for (size_t i = 0; i + 1 < tokens.size(); ++i) {
    if (tokens[i + 1].kind == TokenKind::kLeftParen &&
        (tokens[i].text == "ru" || tokens[i].text == "ttf")) {
      return true;
    }
  }
  return false;
}

}  // namespace

void Grammar::AddBuiltinTemplates() {
  if (!CallsBuiltin(list_.tokens)) return;
  TokenList builtins = Tokenize(kBuiltins);
  builtins.tokens.pop_back();  // the end
  first_ = builtins.tokens.size();
  list_.tokens.insert(list_.tokens.begin(), builtins.tokens.begin(),
                      builtins.tokens.end());
  while (next_ < first_) {
    const auto binding = ParseDefinition();
    assert(binding.ok());
    environment_ = *binding;
    Take();  // ,
  }
  last_end_ = 0;
}

absl::StatusOr<ExprPtr> Grammar::ParseWith() {
  const NestingGuard guard(*this);
  RETURN_IF_ERROR(guard.status());
  const bool is_whole_query = next_ == first_;
  Take();  // WITH
  Take();  // (
  const Binding* const outer = environment_;
  while (!At(TokenKind::kRightParen)) {
    const uint32_t begin = Peek().begin;
    ASSIGN_OR_RETURN(const Binding* binding, ParseDefinition());
    for (const Binding* b = environment_; b != outer; b = b->next) {
      if (b->name != binding->name) continue;
      return ErrorAt(begin,
                     base::StrCat("the WITH template ", QuotedText(b->name),
                                  " is defined twice"));
    }
    environment_ = binding;
    if (At(TokenKind::kComma)) {
      Take();
    } else if (!At(TokenKind::kRightParen)) {
      return Unexpected("WITH", "\",\" or \")\"");
    }
  }
  Take();
  auto expr = ParseBinary(kDefaultPrecedence);
  environment_ = outer;
  if (!expr.ok() || is_whole_query || !NeedsParens(**expr)) return expr;
  return InParens(*std::move(expr));
}

absl::StatusOr<Grammar::Binding*> Grammar::ParseDefinition() {
  if (!At(TokenKind::kWord)) return Unexpected("WITH", "a name");
  Binding& binding = bindings_.emplace_back();
  binding.name = Take().text;
  if (At(TokenKind::kLeftParen)) {
    binding.is_function = true;
    Take();
    while (!At(TokenKind::kRightParen)) {
      if (!At(TokenKind::kWord)) return Unexpected("WITH", "a name");
      const Token& name = Take();
      if (std::ranges::count(binding.parameters, name.text) > 0) {
        return ErrorAt(name.begin,
                       base::StrCat("the parameter ", QuotedText(name.text),
                                    " is named twice"));
      }
      binding.parameters.emplace_back(name.text);
      if (At(TokenKind::kComma)) {
        Take();
      } else if (!At(TokenKind::kRightParen)) {
        return Unexpected("WITH", "\",\" or \")\"");
      }
    }
    Take();
  }
  RETURN_IF_ERROR(Expect(TokenKind::kAssign, "WITH", "\"=\""));
  binding.body = next_;
  binding.environment = environment_;
  binding.next = environment_;
  if (At(TokenKind::kComma) || At(TokenKind::kRightParen)) {
    return Unexpected("WITH", "an expression");
  }
  SkipExpression();
  return &binding;
}

// To the comma or parenthesis that ends it.
void Grammar::SkipExpression() {
  for (int depth = 0;; Take()) {
    switch (Peek().kind) {
      case TokenKind::kEnd:
      case TokenKind::kError:
        return;
      case TokenKind::kLeftParen:
      case TokenKind::kLeftBrace:
      case TokenKind::kLeftBracket:
        ++depth;
        break;
      case TokenKind::kRightParen:
      case TokenKind::kRightBrace:
      case TokenKind::kRightBracket:
        if (depth-- == 0) return;
        break;
      case TokenKind::kComma:
        if (depth == 0) return;
        break;
      default:
        break;
    }
  }
}

const Grammar::Binding* Grammar::FindTemplate(const Token& word,
                                              bool called) const {
  if (word.kind != TokenKind::kWord) return nullptr;
  for (const Binding* b = environment_; b != nullptr; b = b->next) {
    if (b->name == word.text) return b->is_function == called ? b : nullptr;
  }
  return nullptr;
}

absl::StatusOr<ExprPtr> Grammar::Expand(const Binding& binding) {
  const Token& name = Take();
  const Binding* environment = binding.environment;
  if (binding.is_function) {
    std::vector<size_t> arguments;
    RETURN_IF_ERROR(Expect(TokenKind::kLeftParen, "", "\"(\""));
    while (!At(TokenKind::kRightParen)) {
      arguments.push_back(next_);
      SkipExpression();
      if (At(TokenKind::kComma)) {
        Take();
      } else if (!At(TokenKind::kRightParen)) {
        return Unexpected("", "");
      }
    }
    Take();
    if (arguments.size() != binding.parameters.size()) {
      return ErrorAt(
          name.begin,
          base::StrCat("the WITH template ", QuotedText(binding.name),
                       " takes ", binding.parameters.size(),
                       " argument(s), got ", arguments.size()));
    }
    for (size_t i = 0; i < arguments.size(); ++i) {
      bindings_.push_back({binding.parameters[i],
                           false,
                           {},
                           arguments[i],
                           environment_,
                           environment});
      environment = &bindings_.back();
    }
  }
  return ExpandBody(binding, environment);
}

absl::StatusOr<ExprPtr> Grammar::ExpandBody(const Binding& binding,
                                            const Binding* environment) {
  const size_t back = next_;
  const uint32_t back_end = last_end_;
  const Binding* const outer = environment_;
  next_ = binding.body;
  environment_ = environment;
  ASSIGN_OR_RETURN(ExprPtr expr, ParseBinary(kDefaultPrecedence));
  if (!At(TokenKind::kComma) && !At(TokenKind::kRightParen)) {
    return Unexpected("", "");
  }
  next_ = back;
  last_end_ = back_end;
  environment_ = outer;
  if (!NeedsParens(*expr)) return expr;
  return InParens(std::move(expr));
}

absl::StatusOr<std::string> Grammar::ExpandString(const Binding& binding) {
  const uint32_t begin = Peek().begin;
  ASSIGN_OR_RETURN(const ExprPtr expr, Expand(binding));
  if (expr->kind != ExprKind::kString) {
    return ErrorAt(begin,
                   base::StrCat("the WITH template ", QuotedText(binding.name),
                                " is no string"));
  }
  return static_cast<const StringLiteral&>(*expr).value;
}

// A name or a list of names in parentheses.
absl::Status Grammar::ExpandLabels(const Binding& binding,
                                   std::vector<std::string>& labels) {
  const uint32_t begin = Peek().begin;
  ASSIGN_OR_RETURN(const ExprPtr expr, Expand(binding));
  std::vector<const Expr*> names = {expr.get()};
  if (expr->kind == ExprKind::kCall) {
    names.clear();
    for (const ExprPtr& arg : static_cast<const Call&>(*expr).args) {
      names.push_back(arg.get());
    }
  }
  for (const Expr* name : names) {
    const std::string_view label = OnlyName(*name);
    if (!IsPlainLabelName(label)) {
      return ErrorAt(
          begin, base::StrCat("the WITH template ", QuotedText(binding.name),
                              " is no list of labels"));
    }
    if (std::ranges::find(labels, label) == labels.end()) {
      labels.emplace_back(label);
    }
  }
  return absl::OkStatus();
}

}  // namespace varve::promql
