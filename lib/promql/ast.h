// The syntax tree of a PromQL or MetricsQL query.
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
#include <utility>
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
  kShift,
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
  // recursion over a tree is safe. The left sides of a chain of operators
  // (a + b + c …) are on one level: walk them in a loop.
  uint16_t height = 1;
  Position position;
};
using ExprPtr = std::unique_ptr<Expr>;

struct NumberLiteral : Expr {
  NumberLiteral() : Expr(ExprKind::kNumber, ValueType::kScalar) {}
  double value = 0;
  bool is_duration = false;  // written as 5m: printed so
  bool is_steps = false;     // 5i in a duration: that many steps
};

struct StringLiteral : Expr {
  StringLiteral() : Expr(ExprKind::kString, ValueType::kString) {}
  std::string value;
};

// `offset d`, `@ t`, `@ start()`, `@ end()` of selectors and subqueries.
// MetricsQL's `@ (expr)`, `@ f(…)`: a scalar, evaluated at the query's start.
enum class AtKind : uint8_t { kNone, kTimestamp, kStart, kEnd, kExpr };
// A duration that may be an expression (`offset (2m + step())`): `expr` is
// set and the value known only at evaluation; else `ms` is the value.
struct DurationValue {
  int64_t ms = 0;
  std::shared_ptr<const Expr> expr;
};
struct TimeModifiers {
  DurationValue offset;
  AtKind at = AtKind::kNone;
  int64_t at_ms = 0;              // for kTimestamp
  std::shared_ptr<Expr> at_expr;  // for kExpr: a ParenExpr or a Call
};

// What a window takes from beyond its samples (`anchored`, `smoothed`).
enum class RangeEdges : uint8_t { kPlain, kAnchored, kSmoothed };

struct VectorSelector : Expr {
  VectorSelector() : Expr(ExprKind::kVectorSelector, ValueType::kVector) {}
  std::string name;          // as written before the braces; "" if none
  model::Matchers matchers;  // __name__ included
  // MetricsQL's {a="1" or b="2"}: the groups after the first, each with
  // __name__ as well. A series matches when it matches one of the groups.
  std::vector<model::Matchers> or_matchers;
  TimeModifiers time;
  RangeEdges edges = RangeEdges::kPlain;

  std::vector<model::Matchers> MatcherGroups() const {
    std::vector<model::Matchers> groups = {matchers};
    groups.insert(groups.end(), or_matchers.begin(), or_matchers.end());
    return groups;
  }
};

struct MatrixSelector : Expr {
  MatrixSelector() : Expr(ExprKind::kMatrixSelector, ValueType::kMatrix) {}
  std::unique_ptr<VectorSelector> selector;  // carries the modifiers
  DurationValue range;
  // MetricsQL's rate(m): no range was written, and the call is MetricsQL's.
  // The range is the query's step, of an instant query the default step.
  bool implicit = false;
};

struct SubqueryExpr : Expr {
  SubqueryExpr() : Expr(ExprKind::kSubquery, ValueType::kMatrix) {}
  ExprPtr expr;
  DurationValue range;
  // ms == 0 without expr: the default evaluation interval.
  DurationValue step;
  TimeModifiers time;
  // MetricsQL's max_over_time(rate(m)): neither range nor step were written;
  // both are the query's step.
  bool implicit = false;
};

// MetricsQL's `sum(m) offset 5m`: the whole expression at another time.
struct ShiftExpr : Expr {
  ShiftExpr() : Expr(ExprKind::kShift, ValueType::kVector) {}
  ExprPtr expr;
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
  // MetricsQL: the right side's value where the left has none; the left side
  // where the right has a value, or has none.
  kDefault,
  kIf,
  kIfNot,
};
inline bool IsComparison(BinaryOp op) {
  return op >= BinaryOp::kEqual && op <= BinaryOp::kGreaterEqual;
}
inline bool IsSetOperator(BinaryOp op) {
  return op >= BinaryOp::kAnd && op <= BinaryOp::kUnless;
}
inline bool IsFillOperator(BinaryOp op) { return op >= BinaryOp::kDefault; }

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
  // group_left(include); "*" stands for all labels of the one side.
  std::vector<std::string> include;
  std::string include_prefix;  // MetricsQL's group_left(*) prefix "p_"
  // fill(v), fill_left(v), fill_right(v): the missing side's value.
  std::optional<double> fill_left;
  std::optional<double> fill_right;
};

struct BinaryExpr : Expr {
  BinaryExpr() : Expr(ExprKind::kBinary, ValueType::kVector) {}
  // Ends a chain a + b + c … one operator after the other.
  ~BinaryExpr() override {
    ExprPtr at = std::move(lhs);
    while (at != nullptr && at->kind == ExprKind::kBinary) {
      ExprPtr next = std::move(static_cast<BinaryExpr&>(*at).lhs);
      at = std::move(next);
    }
  }
  BinaryOp op = BinaryOp::kAdd;
  ExprPtr lhs;
  ExprPtr rhs;
  bool return_bool = false;
  bool keep_metric_names = false;  // then in parentheses
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
  // MetricsQL's: a number of each group's numbers.
  kMedian,
  kMode,
  kGeomean,
  kSum2,
  kDistinct,
  kMad,
  kQuantiles,
  kHistogram,
  // MetricsQL's: series of the input.
  kAny,
  kShare,
  kZscore,
  kOutliersIqr,
  kOutliersMad,
  kOutliersk,
  kTopkMin,
  kTopkMax,
  kTopkAvg,
  kTopkLast,
  kTopkMedian,
  kBottomkMin,
  kBottomkMax,
  kBottomkAvg,
  kBottomkLast,
  kBottomkMedian,
};

struct AggregateExpr : Expr {
  AggregateExpr() : Expr(ExprKind::kAggregate, ValueType::kVector) {}
  AggregateOp op = AggregateOp::kSum;
  ExprPtr expr;
  ExprPtr param;  // topk's k, quantile's phi, count_values' label; else null
  // MetricsQL's further parameters: quantiles' phis, topk_max's other label.
  std::vector<ExprPtr> more_params;
  // MetricsQL's sum(a, b): what is aggregated beside `expr`.
  std::vector<ExprPtr> more_exprs;
  bool without = false;
  std::vector<std::string> grouping;
  int64_t limit = 0;  // MetricsQL's `limit N`: groups at most; 0: no limit
};

struct Call : Expr {
  Call() : Expr(ExprKind::kCall, ValueType::kVector) {}
  std::string function;  // known to lib/promql/functions.h
  std::vector<ExprPtr> args;
  bool keep_metric_names = false;
  // Put in by the type check of the metricsql dialect around an argument of
  // another type; not printed.
  bool implicit = false;
};

struct ParenExpr : Expr {
  ParenExpr() : Expr(ExprKind::kParen, ValueType::kVector) {}
  ExprPtr expr;
};

}  // namespace varve::promql

#endif  // VARVE_LIB_PROMQL_AST_H_
