// The grammar by recursive descent: tokens to a tree without type checks.
//
// Private to lib/promql; parser.h is the door. One Grammar parses one query.
//
// A sign binds like *, so that -2^2 is -(2^2); ^ is right associative; [range],
// offset and @ bind tighter than all operators.
//
// WITH templates are expanded by reading their tokens again wherever they are
// used, among the names that were known where they were defined.
#ifndef VARVE_LIB_PROMQL_GRAMMAR_H_
#define VARVE_LIB_PROMQL_GRAMMAR_H_

#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/status.h"
#include "lib/promql/aggregates.h"
#include "lib/promql/ast.h"
#include "lib/promql/dialect.h"
#include "lib/promql/lexer.h"

namespace varve::promql {

// Levels of nesting and of the tree. Prometheus has no such limit; a query of
// people or dashboards stays below 50. A chain a + b + c … is one level.
inline constexpr int kNestingMax = 1000;

// Tokens read in all, those of templates once for each use: doubling
// templates must not grow without bound. 32 times the longest query.
inline constexpr size_t kTokensMax = 500'000;
inline constexpr size_t kTokenBytesMax = 4 << 20;

// Precedences of the operators, weakest first.
enum Precedence : int {
  kDefaultPrecedence,
  kIfPrecedence,  // if, ifnot
  kOrPrecedence,
  kAndPrecedence,         // and, unless
  kComparisonPrecedence,  // and the histogram trims
  kAddPrecedence,
  kMulPrecedence,
  kPowPrecedence,
};

// InvalidArgument "<line>:<column>: parse error: <what>".
absl::Status ParseErrorAt(std::string_view query, uint32_t position,
                          std::string_view what);

class Grammar {
 public:
  Grammar(std::string_view query, Dialect dialect);

  absl::StatusOr<ExprPtr> ParseQuery();
  // A selector without modifiers.
  absl::StatusOr<ExprPtr> ParseOnlySelector();

 private:
  // Expressions (grammar.cc).
  absl::StatusOr<ExprPtr> ParseBinary(int precedence_min);
  absl::StatusOr<ExprPtr> FinishBinary(std::unique_ptr<BinaryExpr> binary);
  absl::StatusOr<ExprPtr> InParens(ExprPtr expr) const;
  absl::StatusOr<ExprPtr> ParseUnary();
  absl::StatusOr<ExprPtr> ParsePostfix();
  absl::StatusOr<ExprPtr> ParsePrimary();
  absl::StatusOr<ExprPtr> ParseWord();
  absl::StatusOr<ExprPtr> ParseNumberLiteral();
  // 5, 5m; in MetricsQL's dialect also 2h-5m, which is one word there. A
  // sign that is part of the word holds for all of it: -2h-5m is -(2h+5m).
  absl::StatusOr<ExprPtr> ParseNumberWord(bool after_sign = false);
  absl::StatusOr<ExprPtr> ParseStringLiteral();
  absl::StatusOr<ExprPtr> ParseParen();
  absl::StatusOr<ExprPtr> ParseUnion(uint32_t begin, ExprPtr first);
  absl::StatusOr<ExprPtr> ParseCall();
  absl::StatusOr<ExprPtr> ParseAggregate(const AggregateInfo& info);
  absl::Status SplitArguments(const AggregateInfo& info,
                              std::vector<ExprPtr> arguments, uint32_t begin,
                              AggregateExpr& aggregate);
  absl::StatusOr<std::vector<ExprPtr>> ParseArguments();

  // WITH (with_parser.cc).
  // A name that stands for an expression: of WITH, or an argument of a
  // template.
  struct Binding {
    std::string name;
    bool is_function = false;
    std::vector<std::string> parameters;
    size_t body = 0;  // its first token
    // What the body may use.
    const Binding* environment = nullptr;
    const Binding* next = nullptr;
  };
  // Puts the definition of MetricsQL's templates before the query's tokens.
  void AddBuiltinTemplates();
  absl::StatusOr<ExprPtr> ParseWith();
  absl::StatusOr<Binding*> ParseDefinition();
  void SkipExpression();
  // What the word at hand stands for; null when it is no template. Only
  // functions when `called`, else only plain ones.
  const Binding* FindTemplate(const Token& word, bool called) const;
  // Takes the word (and its arguments) and gives what it stands for.
  absl::StatusOr<ExprPtr> Expand(const Binding& binding);
  absl::StatusOr<ExprPtr> ExpandBody(const Binding& binding,
                                     const Binding* environment);
  absl::StatusOr<std::string> ExpandString(const Binding& binding);
  absl::Status ExpandLabels(const Binding& binding,
                            std::vector<std::string>& labels);

  // Selectors and what follows them (selector_parser.cc).
  absl::StatusOr<ExprPtr> ParseSelector(bool named);
  absl::StatusOr<std::vector<model::Matchers>> ParseMatcherGroups();
  absl::Status ParseMatchers(model::Matchers& matchers);
  absl::Status ExpandFilter(model::Matchers& matchers);
  absl::StatusOr<model::Matcher> ParseMatcher(bool& is_name);
  absl::StatusOr<std::string> ParseMatcherValue();
  absl::Status AddName(const std::string& name,
                       std::vector<model::Matchers>& groups, uint32_t begin);
  absl::StatusOr<ExprPtr> ParseTemplateSelector(const Binding& binding);
  absl::StatusOr<std::string> UnquoteToken(const Token& token);
  absl::StatusOr<ExprPtr> ParseRange(ExprPtr expr);
  absl::Status ParseOffset(ExprPtr& expr);
  absl::Status ParseAt(ExprPtr& expr);
  absl::StatusOr<double> ParseAtSeconds(uint32_t begin);
  absl::StatusOr<ExprPtr> ParseAtExpression();
  absl::Status ParseEdges(Expr& expr);
  // Where a time modifier of `expr` goes; wraps it where it has no such place.
  absl::StatusOr<TimeModifiers*> ModifiersFor(ExprPtr& expr,
                                              std::string_view modifier);

  // Clauses of operators and aggregations (modifier_parser.cc).
  absl::Status ParseBinaryModifiers(BinaryExpr& binary);
  absl::Status ParseGroupModifier(VectorMatching& matching);
  absl::Status ParseFills(VectorMatching& matching);
  absl::StatusOr<double> ParseFillValue();
  absl::StatusOr<bool> ParseAggregateModifier(AggregateExpr& aggregate);
  absl::StatusOr<std::vector<std::string>> ParseGroupingLabels();
  absl::Status ParseLimit(AggregateExpr& aggregate);

  // Durations (duration_parser.cc).
  absl::StatusOr<DurationValue> ParsePositiveDuration();
  absl::StatusOr<DurationValue> ParseOffsetDuration();
  // `context` is what errors say the duration is part of.
  absl::StatusOr<ExprPtr> ParseDurationBinary(
      int precedence_min,
      std::string_view context = "subquery or range selector");
  absl::StatusOr<ExprPtr> ParseDurationUnary(std::string_view context);
  absl::StatusOr<ExprPtr> ParseDurationPrimary(std::string_view context);
  absl::StatusOr<ExprPtr> ParseDurationCall(std::string_view context);
  absl::StatusOr<DurationValue> Fold(ExprPtr expr);

  // Tokens.
  const Token& Peek(size_t ahead = 0) const;
  const Token& Take();
  // The word is taken if it is there.
  bool TakeWord(std::string_view lower);
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
  const Dialect dialect_;
  TokenList list_;
  size_t first_ = 0;  // the query's own first token
  size_t next_ = 0;
  size_t taken_ = 0;
  size_t taken_bytes_ = 0;
  uint32_t last_end_ = 0;
  int nesting_ = 0;
  std::deque<Binding> bindings_;  // all there were; they point at one another
  const Binding* environment_ = nullptr;  // what is known here, inner first
};

// The operator a token stands for between two expressions; null for none.
struct BinaryOperatorInfo {
  BinaryOp op;
  Precedence precedence;
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
