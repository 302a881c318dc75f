// The running state of one group of an aggregation, over all steps.
//
// In:      columns of the group's series; other states of the same group.
// Out:     the aggregation's column.
// Threads: one owner at a time; lanes have states of their own, merged in the
//          order of the lanes.
// Source:  prometheus/prometheus promql/engine.go, aggregation() (3.5), whose
//          results one lane reproduces bit by bit for the same order of
//          series. Merging variances: Chan, Golub, LeVeque (1979).
#ifndef VARVE_LIB_EVAL_GROUP_COLUMNS_H_
#define VARVE_LIB_EVAL_GROUP_COLUMNS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/promql/ast.h"

namespace varve::eval {

// sum, avg, min, max, count, group, stddev, stdvar.
bool IsColumnAggregate(promql::AggregateOp op);

class GroupColumns {
 public:
  // REQUIRES: IsColumnAggregate(op).
  GroupColumns(promql::AggregateOp op, size_t steps);

  void Add(std::span<const double> column);
  void Merge(const GroupColumns& other);
  std::vector<double> Finish();

  // For the memory account.
  size_t bytes() const;

 private:
  void AddMean(size_t step, double value);
  void MergeMean(size_t step, const GroupColumns& other);
  void AddVariance(size_t step, double value);
  void MergeVariance(size_t step, const GroupColumns& other);
  double MeanAt(size_t step) const;

  promql::AggregateOp op_;
  // sum, min, max, count, mean, or the squares' sum; absent: nothing yet.
  std::vector<double> main_;
  std::vector<double> compensation_;  // of Kahan's sum; the mean for variances
  std::vector<double> count_;
  std::vector<uint8_t> carries_mean_;  // avg whose sum would overflow
};

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_GROUP_COLUMNS_H_
