// Which group of an aggregation a series belongs to.
//
// Threads: immutable after construction.
// Source:  prometheus/prometheus promql/engine.go, generateGroupingKey (3.5).
#ifndef VARVE_LIB_EVAL_GROUPING_H_
#define VARVE_LIB_EVAL_GROUPING_H_

#include <string>
#include <vector>

#include "lib/model/label.h"
#include "lib/promql/ast.h"

namespace varve::eval {

class Grouping {
 public:
  // `extra` is one more label to keep (count_values); "" for none.
  explicit Grouping(const promql::AggregateExpr& expr,
                    const std::string& extra = "");

  // Replaces `key` by bytes that are equal for the series of one group.
  // `without_metadata`: the series has lost its metadata labels, although
  // `labels` still has them.
  void Key(const model::LabelSet& labels, bool without_metadata,
           std::string& key) const;
  model::LabelSet Labels(const model::LabelSet& labels,
                         bool without_metadata) const;

 private:
  bool Keeps(const std::string& name, bool without_metadata) const;

  const bool without_;
  std::vector<std::string> names_;  // sorted
};

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_GROUPING_H_
