// The series of an aggregation, group by group.
//
// Threads: a free function without state.
#ifndef VARVE_LIB_EVAL_GROUP_SERIES_H_
#define VARVE_LIB_EVAL_GROUP_SERIES_H_

#include <vector>

#include "lib/eval/grouping.h"
#include "lib/eval/value.h"
#include "lib/promql/ast.h"

namespace varve::eval {

struct SeriesGroup {
  model::LabelSet labels;
  bool drop_name = false;
  std::vector<EvalSeries*> series;  // of the input, in its order
};

// The groups in order of their first series.
std::vector<SeriesGroup> GroupSeries(const promql::AggregateExpr& expr,
                                     std::vector<EvalSeries>& series);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_GROUP_SERIES_H_
