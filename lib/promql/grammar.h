// The grammar by recursive descent: tokens to a tree without type checks.
//
// Private to lib/promql; parser.h is the door. One Grammar parses one query.
//
// Precedence, weakest first: or; and, unless; comparisons and histogram
// trims; + -; * / % atan2; ^ (right associative). A sign binds like *, so
// that -2^2 is -(2^2). [range], offset and @ bind tighter than all of them.
#ifndef VARVE_LIB_PROMQL_GRAMMAR_H_
#define VARVE_LIB_PROMQL_GRAMMAR_H_

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/status.h"
#include "lib/promql/ast.h"
#include "lib/promql/lexer.h"

namespace varve::promql {

// Levels of nesting and of the tree. Prometheus has no such limit; a query of
// people or dashboards stays below 50.
inline constexpr int kNestingMax = 1000;

// InvalidArgument "<line>:<column>: parse error: <what>".
absl::Status ParseErrorAt(std::string_view query, uint32_t position,
                          std::string_view what);

class Grammar {
 public:
  explicit Grammar(std::string_view query);

  absl::StatusOr<ExprPtr> ParseQuery();
  // A selector without modifiers.
  absl::StatusOr<ExprPtr> ParseOnlySelector();

 private:
  // Expressions (grammar.cc).
  absl::StatusOr<ExprPtr> ParseBinary(int precedence_min);
  absl::StatusOr<ExprPtr> ParseUnary();
  absl::StatusOr<ExprPtr> ParsePostfix();
  absl::StatusOr<ExprPtr> ParsePrimary();
  absl::StatusOr<ExprPtr> ParseWord();
  absl::StatusOr<ExprPtr> ParseNumberLiteral();
  absl::StatusOr<ExprPtr> ParseStringLiteral();
  absl::StatusOr<ExprPtr> ParseParen();
  absl::StatusOr<ExprPtr> ParseCall();
  absl::StatusOr<ExprPtr> ParseAggregate(AggregateOp op);
  absl::StatusOr<std::vector<ExprPtr>> ParseArguments();

  // Selectors and what follows them (selector_parser.cc).
  absl::StatusOr<ExprPtr> ParseSelector(bool named);
  absl::Status ParseMatchers(VectorSelector& selector);
  absl::StatusOr<model::Matcher> ParseMatcher(bool& is_name);
  absl::StatusOr<std::string> UnquoteToken(const Token& token);
  absl::StatusOr<ExprPtr> ParseRange(ExprPtr expr);
  absl::Status ParseOffset(Expr& expr);
  absl::Status ParseAt(Expr& expr);

  // Clauses of operators and aggregations (modifier_parser.cc).
  absl::Status ParseBinaryModifiers(BinaryExpr& binary);
  absl::Status ParseGroupModifier(VectorMatching& matching);
  absl::Status ParseFills(VectorMatching& matching);
  absl::StatusOr<double> ParseFillValue();
  absl::StatusOr<bool> ParseAggregateModifier(AggregateExpr& aggregate);
  absl::StatusOr<std::vector<std::string>> ParseGroupingLabels();

  // Durations (duration_parser.cc).
  absl::StatusOr<DurationValue> ParsePositiveDuration();
  absl::StatusOr<DurationValue> ParseOffsetDuration();
  absl::StatusOr<ExprPtr> ParseDurationBinary(int precedence_min);
  absl::StatusOr<ExprPtr> ParseDurationUnary();
  absl::StatusOr<ExprPtr> ParseDurationPrimary(std::string_view context);
  absl::StatusOr<ExprPtr> ParseDurationCall();
  absl::StatusOr<DurationValue> Fold(ExprPtr expr);

  // Tokens.
  const Token& Peek(size_t ahead = 0) const;
  const Token& Take();
  bool At(TokenKind kind) const { return Peek().kind == kind; }
  bool AtWord(std::string_view lower) const { return IsWord(Peek(), lower); }
  absl::Status Expect(TokenKind kind, std::string_view context,
                      std::string_view expected);
  uint32_t last_end() const { return last_end_; }

  absl::Status ErrorAt(uint32_t position, std::string_view what) const;
  // "unexpected X in <context>, expected <expected>", or the lexer's error.
  absl::Status Unexpected(std::string_view context,
                          std::string_view expected) const;
  // Sets the height of `parent` over `children` and the positions' end.
  absl::Status Adopt(Expr& parent, uint32_t begin,
                     std::initializer_list<const Expr*> children) const;

  class NestingGuard;

  const std::string_view query_;
  const TokenList list_;
  size_t next_ = 0;
  uint32_t last_end_ = 0;
  int nesting_ = 0;
};

// The operator a token stands for between two expressions; null for none.
struct BinaryOperatorInfo {
  BinaryOp op;
  int precedence;
};
const BinaryOperatorInfo* FindBinaryOperator(const Token& token);

// Counts one level for as long as it lives.
class Grammar::NestingGuard {
 public:
  explicit NestingGuard(Grammar& grammar) : grammar_(grammar) {
    ++grammar_.nesting_;
  }
  ~NestingGuard() { --grammar_.nesting_; }
  absl::Status status() const {
    if (grammar_.nesting_ <= kNestingMax) return absl::OkStatus();
    return grammar_.ErrorAt(
        grammar_.Peek().begin,
        base::StrCat("nested more than ", kNestingMax, " levels deep"));
  }

 private:
  Grammar& grammar_;
};

}  // namespace varve::promql

#endif  // VARVE_LIB_PROMQL_GRAMMAR_H_
