#include "lib/eval/group_columns.h"

#include <algorithm>
#include <cmath>

#include "lib/eval/value.h"
#include "lib/rollup/kahan.h"

namespace varve::eval {
namespace {

using promql::AggregateOp;

bool IsVariance(AggregateOp op) {
  return op == AggregateOp::kStddev || op == AggregateOp::kStdvar;
}

void AddSums(std::span<const double> column, std::vector<double>& sums,
             std::vector<double>& compensations) {
  double* sum = sums.data();
  double* compensation = compensations.data();
  for (size_t i = 0; i < column.size(); ++i) {
    const double value = column[i];
    if (IsAbsent(value)) continue;
    if (IsAbsent(sum[i])) {
      sum[i] = value;
    } else {
      rollup::KahanAdd(value, sum[i], compensation[i]);
    }
  }
}

// NaN loses against every number.
template <typename Better>
void AddExtremes(std::span<const double> column, std::vector<double>& best,
                 Better better) {
  for (size_t i = 0; i < column.size(); ++i) {
    if (IsAbsent(column[i])) continue;
    if (std::isnan(best[i]) || better(column[i], best[i])) best[i] = column[i];
  }
}

void AddCounts(std::span<const double> column, std::vector<double>& counts) {
  for (size_t i = 0; i < column.size(); ++i) {
    if (IsAbsent(column[i])) continue;
    counts[i] = IsAbsent(counts[i]) ? 1 : counts[i] + 1;
  }
}

}  // namespace

bool IsColumnAggregate(AggregateOp op) { return op <= AggregateOp::kStdvar; }

GroupColumns::GroupColumns(AggregateOp op, size_t steps)
    : op_(op), main_(steps, Absent()) {
  const bool mean = op == AggregateOp::kAvg || IsVariance(op);
  if (mean || op == AggregateOp::kSum) compensation_.assign(steps, 0);
  if (mean) count_.assign(steps, 0);
  if (op == AggregateOp::kAvg) carries_mean_.assign(steps, 0);
}

size_t GroupColumns::bytes() const {
  return sizeof(*this) + carries_mean_.size() +
         sizeof(double) * (main_.size() + compensation_.size() + count_.size());
}

void GroupColumns::Add(std::span<const double> column) {
  switch (op_) {
    case AggregateOp::kSum:
      return AddSums(column, main_, compensation_);
    case AggregateOp::kMin:
      return AddExtremes(column, main_,
                         [](double a, double b) { return a < b; });
    case AggregateOp::kMax:
      return AddExtremes(column, main_,
                         [](double a, double b) { return a > b; });
    case AggregateOp::kCount:
      return AddCounts(column, main_);
    case AggregateOp::kGroup:
      for (size_t i = 0; i < column.size(); ++i) {
        if (!IsAbsent(column[i])) main_[i] = 1;
      }
      return;
    case AggregateOp::kAvg:
      for (size_t i = 0; i < column.size(); ++i) {
        if (!IsAbsent(column[i])) AddMean(i, column[i]);
      }
      return;
    default:
      for (size_t i = 0; i < column.size(); ++i) {
        if (!IsAbsent(column[i])) AddVariance(i, column[i]);
      }
  }
}

void GroupColumns::AddMean(size_t step, double value) {
  double& main = main_[step];
  double& compensation = compensation_[step];
  const double count = ++count_[step];
  if (count == 1) {
    main = value;
    return;
  }
  if (!carries_mean_[step]) {
    double sum = main;
    double sum_compensation = compensation;
    rollup::KahanAdd(value, sum, sum_compensation);
    if (!std::isinf(sum)) {
      main = sum;
      compensation = sum_compensation;
      return;
    }
    carries_mean_[step] = 1;
    main /= count - 1;
    compensation /= count - 1;
  }
  if (std::isinf(main)) {
    if (std::isinf(value) && (main > 0) == (value > 0)) return;
    if (std::isfinite(value)) return;
  }
  const double mean = main + compensation;
  rollup::KahanAdd(value / count - mean / count, main, compensation);
}

double GroupColumns::MeanAt(size_t step) const {
  const double sum = main_[step] + compensation_[step];
  return carries_mean_[step] ? sum : sum / count_[step];
}

void GroupColumns::AddVariance(size_t step, double value) {
  const double count = ++count_[step];
  double& mean = compensation_[step];
  if (count == 1) {
    mean = value;
    main_[step] = std::isfinite(value) ? 0 : model::NormalNan();
    return;
  }
  const double delta = value - mean;
  mean += delta / count;
  main_[step] += delta * (value - mean);
}

void GroupColumns::Merge(const GroupColumns& other) {
  switch (op_) {
    case AggregateOp::kMin:
    case AggregateOp::kMax:
    case AggregateOp::kGroup:
      return Add(other.main_);
    case AggregateOp::kCount:
      for (size_t i = 0; i < main_.size(); ++i) {
        if (IsAbsent(other.main_[i])) continue;
        main_[i] =
            IsAbsent(main_[i]) ? other.main_[i] : main_[i] + other.main_[i];
      }
      return;
    case AggregateOp::kSum:
      AddSums(other.main_, main_, compensation_);
      for (size_t i = 0; i < main_.size(); ++i) {
        compensation_[i] += other.compensation_[i];
      }
      return;
    default:
      for (size_t i = 0; i < main_.size(); ++i) {
        if (IsAbsent(other.main_[i])) continue;
        if (op_ == AggregateOp::kAvg) {
          MergeMean(i, other);
        } else {
          MergeVariance(i, other);
        }
      }
  }
}

void GroupColumns::MergeMean(size_t step, const GroupColumns& other) {
  if (IsAbsent(main_[step])) {
    main_[step] = other.main_[step];
    compensation_[step] = other.compensation_[step];
    count_[step] = other.count_[step];
    carries_mean_[step] = other.carries_mean_[step];
    return;
  }
  const double count = count_[step] + other.count_[step];
  if (!carries_mean_[step] && !other.carries_mean_[step]) {
    double sum = main_[step];
    double compensation = compensation_[step];
    rollup::KahanAdd(other.main_[step], sum, compensation);
    if (!std::isinf(sum)) {
      main_[step] = sum;
      compensation_[step] = compensation + other.compensation_[step];
      count_[step] = count;
      return;
    }
  }
  const double a = MeanAt(step);
  const double b = other.MeanAt(step);
  main_[step] = a * (count_[step] / count) + b * (other.count_[step] / count);
  compensation_[step] = 0;
  count_[step] = count;
  carries_mean_[step] = 1;
}

void GroupColumns::MergeVariance(size_t step, const GroupColumns& other) {
  const double other_count = other.count_[step];
  if (IsAbsent(main_[step])) {
    main_[step] = other.main_[step];
    compensation_[step] = other.compensation_[step];
    count_[step] = other_count;
    return;
  }
  const double count = count_[step] + other_count;
  const double delta = other.compensation_[step] - compensation_[step];
  main_[step] +=
      other.main_[step] + delta * delta * (count_[step] * other_count / count);
  compensation_[step] += delta * (other_count / count);
  count_[step] = count;
}

std::vector<double> GroupColumns::Finish() {
  for (size_t i = 0; i < main_.size(); ++i) {
    if (IsAbsent(main_[i])) continue;
    switch (op_) {
      case AggregateOp::kSum:
        main_[i] += compensation_[i];
        break;
      case AggregateOp::kAvg:
        main_[i] = MeanAt(i);
        break;
      case AggregateOp::kStddev:
        main_[i] = std::sqrt(main_[i] / count_[i]);
        break;
      case AggregateOp::kStdvar:
        main_[i] /= count_[i];
        break;
      default:
        break;
    }
  }
  return std::move(main_);
}

}  // namespace varve::eval
