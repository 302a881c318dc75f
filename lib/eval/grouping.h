// Aggregations of the language as lib/rollup knows them.
//
// Threads: free functions without state; a Grouping is immutable.
#ifndef VARVE_LIB_EVAL_GROUPING_H_
#define VARVE_LIB_EVAL_GROUPING_H_

#include <string>
#include <vector>

#include "lib/promql/ast.h"
#include "lib/rollup/group_columns.h"
#include "lib/rollup/grouping.h"

namespace varve::eval {

using rollup::GroupColumns;

class Grouping : public rollup::Grouping {
 public:
  // `extra` is one more label to keep (count_values); "" for none.
  explicit Grouping(const promql::AggregateExpr& expr,
                    const std::string& extra = "")
      : rollup::Grouping(expr.without, Names(expr, extra)) {}

 private:
  static std::vector<std::string> Names(const promql::AggregateExpr& expr,
                                        const std::string& extra) {
    std::vector<std::string> names = expr.grouping;
    if (!expr.without && !extra.empty()) names.push_back(extra);
    return names;
  }
};

// sum, avg, min, max, count, group, stddev, stdvar.
inline bool IsColumnAggregate(promql::AggregateOp op) {
  return op <= promql::AggregateOp::kStdvar;
}

// REQUIRES: IsColumnAggregate(op).
inline rollup::Aggregate ColumnAggregate(promql::AggregateOp op) {
  switch (op) {
    case promql::AggregateOp::kSum:
      return rollup::Aggregate::kSum;
    case promql::AggregateOp::kAvg:
      return rollup::Aggregate::kAvg;
    case promql::AggregateOp::kMin:
      return rollup::Aggregate::kMin;
    case promql::AggregateOp::kMax:
      return rollup::Aggregate::kMax;
    case promql::AggregateOp::kCount:
      return rollup::Aggregate::kCount;
    case promql::AggregateOp::kGroup:
      return rollup::Aggregate::kGroup;
    case promql::AggregateOp::kStddev:
      return rollup::Aggregate::kStddev;
    default:
      return rollup::Aggregate::kStdvar;
  }
}

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_GROUPING_H_
