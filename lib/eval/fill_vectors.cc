// MetricsQL's default, if, ifnot: samples by whether the other side has some.
//
// The sides match like those of sets. A right side that is one series without
// labels, or a scalar, counts for every series of the left. NaN is no sample
// here, as it is nowhere one in MetricsQL.
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/status.h"
#include "lib/eval/families.h"
#include "lib/eval/matching.h"

namespace varve::eval {
namespace {

using promql::BinaryOp;
using promql::ValueType;

bool HasValue(const EvalSeries& series, size_t step) {
  return !std::isnan(series.values[step]) || series.HasHistogram(step);
}

class Filler {
 public:
  Filler(const promql::VectorMatching& matching,
         const std::vector<EvalSeries>& right)
      : matching_(matching), right_(right) {
    for (const EvalSeries& series : right) {
      by_signature_[matching_.Signature(series.labels)].push_back(&series);
    }
  }

  // The series of the right side that count for `left`.
  std::vector<const EvalSeries*> Partners(const EvalSeries& left) const {
    const auto it = by_signature_.find(matching_.Signature(left.labels));
    if (it != by_signature_.end()) return it->second;
    if (right_.size() == 1 && right_[0].labels.empty()) return {&right_[0]};
    return {};
  }

  void Apply(BinaryOp op, EvalSeries& left) const {
    const std::vector<const EvalSeries*> partners = Partners(left);
    for (size_t step = 0; step < left.values.size(); ++step) {
      const EvalSeries* present = nullptr;
      for (const EvalSeries* partner : partners) {
        if (present == nullptr && HasValue(*partner, step)) present = partner;
      }
      if (op != BinaryOp::kDefault) {
        const bool keep = (op == BinaryOp::kIf) == (present != nullptr);
        if (!keep) left.ClearSample(step);
      } else if (present != nullptr && !HasValue(left, step)) {
        left.values[step] = present->values[step];
        if (present->HasHistogram(step)) {
          left.SetHistogram(step, present->histograms[step]);
        }
      }
    }
  }

 private:
  const Matching matching_;
  const std::vector<EvalSeries>& right_;
  absl::flat_hash_map<std::string, std::vector<const EvalSeries*>>
      by_signature_;
};

void MakeVector(Value& value) {
  if (value.type != ValueType::kScalar) return;
  value.type = ValueType::kVector;
  value.series.push_back({{}, false, std::move(value.scalar), {}});
}

}  // namespace

absl::StatusOr<Value> FillVectors(Evaluation&, const promql::BinaryExpr& expr,
                                  Value lhs, Value rhs) {
  MakeVector(lhs);
  MakeVector(rhs);
  if (expr.op == BinaryOp::kDefault && lhs.series.empty()) {
    rhs.ordered = false;
    lhs = std::move(rhs);
  } else {
    const promql::VectorMatching plain;
    const Filler filler(expr.matching ? *expr.matching : plain, rhs.series);
    for (EvalSeries& series : lhs.series) filler.Apply(expr.op, series);
    lhs.ordered = false;
  }
  if (expr.type == ValueType::kScalar) {
    std::vector<double> values = std::move(lhs.series[0].values);
    for (double& value : values) {
      if (IsAbsent(value)) value = model::NormalNan();
    }
    return Value::Scalar(std::move(values));
  }
  RemoveEmpty(lhs.series);
  return lhs;
}

}  // namespace varve::eval
