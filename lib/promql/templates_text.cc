// A query with WITH templates as its author wrote it, in canonical spacing:
// from tokens, since trees know templates only expanded.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/promql/lexer.h"
#include "lib/promql/printer.h"

namespace varve::promql {
namespace {

// Words between operands, or before a list in parentheses.
bool IsClauseWord(const Token& token) {
  constexpr std::array<std::string_view, 18> kWords = {
      "and",    "atan2", "bool",        "by",         "default", "fill",
      "if",     "ifnot", "ignoring",    "group_left", "limit",   "on",
      "offset", "or",    "group_right", "prefix",     "unless",  "without"};
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) {
    return IsWord(token, word);
  });
}

bool IsOperator(const Token& token) {
  return token.kind >= TokenKind::kAssign || IsClauseWord(token);
}

bool IsOpening(TokenKind kind) {
  return kind == TokenKind::kLeftParen || kind == TokenKind::kLeftBrace ||
         kind == TokenKind::kLeftBracket;
}

bool IsClosing(TokenKind kind) {
  return kind == TokenKind::kRightParen || kind == TokenKind::kRightBrace ||
         kind == TokenKind::kRightBracket;
}

class TemplatesPrinter {
 public:
  TemplatesPrinter(std::string_view query, const std::vector<Token>& tokens)
      : query_(query), tokens_(tokens) {}

  std::string Run() {
    for (size_t i = 0; tokens_[i].kind != TokenKind::kEnd; ++i) Print(i);
    return std::move(out_);
  }

 private:
  enum class Level : uint8_t { kPlain, kBraces, kTemplates };

  Level level() const {
    return levels_.empty() ? Level::kPlain : levels_.back();
  }

  void NewLine() {
    const auto depth =
        std::count(levels_.begin(), levels_.end(), Level::kTemplates);
    out_ += '\n';
    out_.append(2 * static_cast<size_t>(depth), ' ');
    previous_ = nullptr;
  }

  void Print(size_t i) {
    const Token& token = tokens_[i];
    const Token& next = tokens_[std::min(i + 1, tokens_.size() - 1)];
    const bool in_templates = level() == Level::kTemplates;
    if (IsWord(token, "with") && next.kind == TokenKind::kLeftParen) {
      PutSpace(token);
      out_ += "WITH";
      opens_templates_ = true;
      return;
    }
    if (opens_templates_) {
      opens_templates_ = false;
      out_ += " (";
      levels_.push_back(Level::kTemplates);
      if (next.kind != TokenKind::kRightParen) NewLine();
      return;
    }
    if (in_templates && token.kind == TokenKind::kComma) {
      if (next.kind == TokenKind::kRightParen) return;
      out_ += ',';
      return NewLine();
    }
    if (IsClosing(token.kind)) levels_.pop_back();
    if (in_templates && token.kind == TokenKind::kRightParen) {
      NewLine();
      out_ += ')';
      return NewLine();
    }
    PutSpace(token);
    out_ += query_.substr(token.begin, token.end() - token.begin);
    if (IsOpening(token.kind)) {
      levels_.push_back(token.kind == TokenKind::kLeftBrace ? Level::kBraces
                                                            : Level::kPlain);
    }
    const bool sign =
        token.kind == TokenKind::kAdd || token.kind == TokenKind::kSub;
    after_sign_ = sign && !AfterOperand();
    previous_ = &token;
  }

  // The token before ends an operand, so that a sign is an operator.
  bool AfterOperand() const {
    if (previous_ == nullptr) return false;
    return IsClosing(previous_->kind) ||
           previous_->kind == TokenKind::kNumber ||
           previous_->kind == TokenKind::kDuration ||
           previous_->kind == TokenKind::kString ||
           (previous_->kind == TokenKind::kWord && !IsClauseWord(*previous_));
  }

  void PutSpace(const Token& token) {
    if (previous_ == nullptr || after_sign_) return;
    if (WantsSpace(*previous_, token)) out_ += ' ';
  }

  bool WantsSpace(const Token& before, const Token& token) const {
    if (IsOpening(before.kind) || IsClosing(token.kind)) return false;
    if (token.kind == TokenKind::kComma) return false;
    if (before.kind == TokenKind::kColon || token.kind == TokenKind::kColon) {
      return false;
    }
    if (level() == Level::kBraces) {
      return IsWord(before, "or") || IsWord(token, "or");
    }
    if (before.kind == TokenKind::kComma) return true;
    if (token.kind == TokenKind::kLeftBracket) return IsOperator(before);
    if (token.kind == TokenKind::kLeftParen ||
        token.kind == TokenKind::kLeftBrace) {
      return before.kind != TokenKind::kWord || IsClauseWord(before);
    }
    return true;
  }

  const std::string_view query_;
  const std::vector<Token>& tokens_;
  std::string out_;
  std::vector<Level> levels_;
  const Token* previous_ = nullptr;  // on this line
  bool after_sign_ = false;
  bool opens_templates_ = false;
};

}  // namespace

std::optional<std::string> TemplatesText(std::string_view query) {
  const TokenList list = Tokenize(query);
  const std::vector<Token>& tokens = list.tokens;
  if (tokens.back().kind != TokenKind::kEnd) return std::nullopt;
  for (size_t i = 0; i + 1 < tokens.size(); ++i) {
    if (!IsWord(tokens[i], "with")) continue;
    if (tokens[i + 1].kind != TokenKind::kLeftParen) continue;
    return TemplatesPrinter(query, tokens).Run();
  }
  return std::nullopt;
}

}  // namespace varve::promql
