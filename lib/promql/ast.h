// The syntax tree of a PromQL query.
//
// Built by the parser, read by eval and the printer. A tree owns its nodes;
// positions are byte offsets into the query's text.
//
// Threads: immutable once parsed; share freely.
// Source:  prometheus/prometheus promql/parser/ast.go for the shape.
#ifndef VARVE_LIB_PROMQL_AST_H_
#define VARVE_LIB_PROMQL_AST_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/model/matcher.h"

namespace varve::promql {

enum class ValueType : uint8_t { kScalar, kString, kVector, kMatrix };

enum class ExprKind : uint8_t {
  kNumber,
  kString,
  kVectorSelector,
  kMatrixSelector,
  kSubquery,
  kUnary,
  kBinary,
  kAggregate,
  kCall,
  kParen,
};

struct Position {
  uint32_t begin = 0;
  uint32_t end = 0;
};

struct Expr {
  Expr(ExprKind kind, ValueType type) : kind(kind), type(type) {}
  virtual ~Expr() = default;
  ExprKind kind;
  ValueType type;
  // Levels of the tree below and with this node; the parser bounds it, so that
  // recursion over a tree is safe.
  uint16_t height = 1;
  Position position;
};
using ExprPtr = std::unique_ptr<Expr>;

struct NumberLiteral : Expr {
  NumberLiteral() : Expr(ExprKind::kNumber, ValueType::kScalar) {}
  double value = 0;
  bool is_duration = false;  // written as 5m: printed so
};

struct StringLiteral : Expr {
  StringLiteral() : Expr(ExprKind::kString, ValueType::kString) {}
  std::string value;
};

// `offset d`, `@ t`, `@ start()`, `@ end()` of selectors and subqueries.
enum class AtKind : uint8_t { kNone, kTimestamp, kStart, kEnd };
// A duration that may be an expression (`offset (2m + step())`): `expr` is
// set and the value known only at evaluation; else `ms` is the value.
struct DurationValue {
  int64_t ms = 0;
  std::shared_ptr<const Expr> expr;
};
struct TimeModifiers {
  DurationValue offset;
  AtKind at = AtKind::kNone;
  int64_t at_ms = 0;  // for kTimestamp
};

struct VectorSelector : Expr {
  VectorSelector() : Expr(ExprKind::kVectorSelector, ValueType::kVector) {}
  std::string name;          // as written before the braces; "" if none
  model::Matchers matchers;  // __name__ included
  TimeModifiers time;
};

struct MatrixSelector : Expr {
  MatrixSelector() : Expr(ExprKind::kMatrixSelector, ValueType::kMatrix) {}
  std::unique_ptr<VectorSelector> selector;  // carries the modifiers
  DurationValue range;
};

struct SubqueryExpr : Expr {
  SubqueryExpr() : Expr(ExprKind::kSubquery, ValueType::kMatrix) {}
  ExprPtr expr;
  DurationValue range;
  // ms == 0 without expr: the default evaluation interval.
  DurationValue step;
  TimeModifiers time;
};

struct UnaryExpr : Expr {
  UnaryExpr() : Expr(ExprKind::kUnary, ValueType::kScalar) {}
  bool negate = false;
  ExprPtr expr;
};

enum class BinaryOp : uint8_t {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kAtan2,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kAnd,
  kOr,
  kUnless,
  kTrimUpper,
  kTrimLower,  // histograms: `</` and `>/`
};
inline bool IsComparison(BinaryOp op) {
  return op >= BinaryOp::kEqual && op <= BinaryOp::kGreaterEqual;
}
inline bool IsSetOperator(BinaryOp op) {
  return op >= BinaryOp::kAnd && op <= BinaryOp::kUnless;
}

enum class MatchCardinality : uint8_t {
  kOneToOne,
  kManyToOne,  // group_left
  kOneToMany,  // group_right
  kManyToMany  // set operators
};
struct VectorMatching {
  MatchCardinality cardinality = MatchCardinality::kOneToOne;
  bool on = false;  // `labels` are on(...) rather than ignoring(...)
  std::vector<std::string> labels;
  std::vector<std::string> include;  // group_left(include)
  // fill(v), fill_left(v), fill_right(v): the missing side's value.
  std::optional<double> fill_left;
  std::optional<double> fill_right;
};

struct BinaryExpr : Expr {
  BinaryExpr() : Expr(ExprKind::kBinary, ValueType::kVector) {}
  BinaryOp op = BinaryOp::kAdd;
  ExprPtr lhs;
  ExprPtr rhs;
  bool return_bool = false;
  // Set when both sides are vectors.
  std::optional<VectorMatching> matching;
};

enum class AggregateOp : uint8_t {
  kSum,
  kAvg,
  kMin,
  kMax,
  kCount,
  kGroup,
  kStddev,
  kStdvar,
  kTopk,
  kBottomk,
  kQuantile,
  kCountValues,
  kLimitk,
  kLimitRatio,
};

struct AggregateExpr : Expr {
  AggregateExpr() : Expr(ExprKind::kAggregate, ValueType::kVector) {}
  AggregateOp op = AggregateOp::kSum;
  ExprPtr expr;
  ExprPtr param;  // topk's k, quantile's phi, count_values' label; else null
  bool without = false;
  std::vector<std::string> grouping;
};

struct Call : Expr {
  Call() : Expr(ExprKind::kCall, ValueType::kVector) {}
  std::string function;  // known to lib/promql/functions.h
  std::vector<ExprPtr> args;
};

struct ParenExpr : Expr {
  ParenExpr() : Expr(ExprKind::kParen, ValueType::kVector) {}
  ExprPtr expr;
};

}  // namespace varve::promql

#endif  // VARVE_LIB_PROMQL_AST_H_
