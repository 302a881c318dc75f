// The running state of one group of an aggregation, over all steps.
//
// In:      columns of the group's series; other states of the same group.
// Out:     the aggregation's column.
// Threads: one owner at a time; lanes have states of their own, merged in the
//          order of the lanes.
// Source:  prometheus/prometheus promql/engine.go, aggregation() (3.5), whose
//          results one lane reproduces bit by bit for the same order of
//          series. Merging variances: Chan, Golub, LeVeque (1979).
#ifndef VARVE_LIB_ROLLUP_GROUP_COLUMNS_H_
#define VARVE_LIB_ROLLUP_GROUP_COLUMNS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/base/byte_coding.h"

namespace varve::rollup {

// Numbers that storage nodes are sent: never changed.
enum class Aggregate : uint8_t {
  kSum = 0,
  kAvg = 1,
  kMin = 2,
  kMax = 3,
  kCount = 4,
  kGroup = 5,
  kStddev = 6,
  kStdvar = 7,
  kTopk = 8,  // these two are best_series.h's
  kBottomk = 9,
};
inline constexpr uint32_t kAggregates = 10;

inline bool IsPick(Aggregate op) {
  return op == Aggregate::kTopk || op == Aggregate::kBottomk;
}

class GroupColumns {
 public:
  // REQUIRES: !IsPick(op).
  GroupColumns(Aggregate op, size_t steps);

  void Add(std::span<const double> column);
  void Merge(const GroupColumns& other);
  std::vector<double> Finish();

  // The state, to be read where another part of the group is. False for
  // bytes that are no state of this aggregation and number of steps.
  void AppendBytes(std::string& out) const;
  bool ReadBytes(base::ByteReader& reader);

  // For the memory account.
  size_t bytes() const;

 private:
  void AddMean(size_t step, double value);
  void MergeMean(size_t step, const GroupColumns& other);
  void AddVariance(size_t step, double value);
  void MergeVariance(size_t step, const GroupColumns& other);
  double MeanAt(size_t step) const;

  Aggregate op_;
  // sum, min, max, count, mean, or the squares' sum; absent: nothing yet.
  std::vector<double> main_;
  std::vector<double> compensation_;  // of Kahan's sum; the mean for variances
  std::vector<double> count_;
  std::vector<uint8_t> carries_mean_;  // avg whose sum would overflow
};

}  // namespace varve::rollup

#endif  // VARVE_LIB_ROLLUP_GROUP_COLUMNS_H_
