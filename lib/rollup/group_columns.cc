#include "lib/rollup/group_columns.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lib/model/sample.h"
#include "lib/rollup/kahan.h"

namespace varve::rollup {
namespace {

double Absent() { return model::StaleNan(); }
bool IsAbsent(double value) { return model::IsStaleNan(value); }

bool IsVariance(Aggregate op) {
  return op == Aggregate::kStddev || op == Aggregate::kStdvar;
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
      KahanAdd(value, sum[i], compensation[i]);
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

// A column whose elements are all the same is sent as one.
template <typename T>
void AppendColumn(const std::vector<T>& column, std::string& out) {
  const bool same =
      !column.empty() &&
      std::all_of(column.begin(), column.end(), [&column](const T& one) {
        return std::memcmp(&one, &column[0], sizeof(T)) == 0;
      });
  out.push_back(static_cast<char>(same ? 1 : 0));
  out.append(reinterpret_cast<const char*>(column.data()),
             (same ? 1 : column.size()) * sizeof(T));
}

template <typename T>
bool ReadColumn(base::ByteReader& reader, std::vector<T>& column) {
  const auto same = reader.FixedLe<uint8_t>();
  if (!reader.ok() || same > 1) return false;
  if (same == 1) {
    std::fill(column.begin(), column.end(), reader.FixedLe<T>());
    return reader.ok() && !column.empty();
  }
  const std::string_view bytes = reader.Bytes(column.size() * sizeof(T));
  if (!reader.ok()) return false;
  if (!bytes.empty()) std::memcpy(column.data(), bytes.data(), bytes.size());
  return true;
}

}  // namespace

GroupColumns::GroupColumns(Aggregate op, size_t steps)
    : op_(op), main_(steps, Absent()) {
  const bool mean = op == Aggregate::kAvg || IsVariance(op);
  if (mean || op == Aggregate::kSum) compensation_.assign(steps, 0);
  if (mean) count_.assign(steps, 0);
  if (op == Aggregate::kAvg) carries_mean_.assign(steps, 0);
}

size_t GroupColumns::bytes() const {
  return sizeof(*this) + carries_mean_.size() +
         sizeof(double) * (main_.size() + compensation_.size() + count_.size());
}

void GroupColumns::Add(std::span<const double> column) {
  switch (op_) {
    case Aggregate::kSum:
      return AddSums(column, main_, compensation_);
    case Aggregate::kMin:
      return AddExtremes(column, main_,
                         [](double a, double b) { return a < b; });
    case Aggregate::kMax:
      return AddExtremes(column, main_,
                         [](double a, double b) { return a > b; });
    case Aggregate::kCount:
      return AddCounts(column, main_);
    case Aggregate::kGroup:
      for (size_t i = 0; i < column.size(); ++i) {
        if (!IsAbsent(column[i])) main_[i] = 1;
      }
      return;
    case Aggregate::kAvg:
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
    KahanAdd(value, sum, sum_compensation);
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
  KahanAdd(value / count - mean / count, main, compensation);
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
    case Aggregate::kMin:
    case Aggregate::kMax:
    case Aggregate::kGroup:
      return Add(other.main_);
    case Aggregate::kCount:
      for (size_t i = 0; i < main_.size(); ++i) {
        if (IsAbsent(other.main_[i])) continue;
        main_[i] =
            IsAbsent(main_[i]) ? other.main_[i] : main_[i] + other.main_[i];
      }
      return;
    case Aggregate::kSum:
      AddSums(other.main_, main_, compensation_);
      for (size_t i = 0; i < main_.size(); ++i) {
        compensation_[i] += other.compensation_[i];
      }
      return;
    default:
      for (size_t i = 0; i < main_.size(); ++i) {
        if (IsAbsent(other.main_[i])) continue;
        if (op_ == Aggregate::kAvg) {
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
    KahanAdd(other.main_[step], sum, compensation);
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

void GroupColumns::AppendBytes(std::string& out) const {
  AppendColumn(main_, out);
  AppendColumn(compensation_, out);
  AppendColumn(count_, out);
  AppendColumn(carries_mean_, out);
}

bool GroupColumns::ReadBytes(base::ByteReader& reader) {
  return ReadColumn(reader, main_) && ReadColumn(reader, compensation_) &&
         ReadColumn(reader, count_) && ReadColumn(reader, carries_mean_);
}

std::vector<double> GroupColumns::Finish() {
  for (size_t i = 0; i < main_.size(); ++i) {
    if (IsAbsent(main_[i])) continue;
    switch (op_) {
      case Aggregate::kSum:
        main_[i] += compensation_[i];
        break;
      case Aggregate::kAvg:
        main_[i] = MeanAt(i);
        break;
      case Aggregate::kStddev:
        main_[i] = std::sqrt(main_[i] / count_[i]);
        break;
      case Aggregate::kStdvar:
        main_[i] /= count_[i];
        break;
      default:
        break;
    }
  }
  return std::move(main_);
}

}  // namespace varve::rollup
