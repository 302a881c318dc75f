// Arithmetic and comparison of vectors: one-to-one, group_left, group_right.
//
// Prometheus matches step by step. Columns are matched once per signature;
// only where one signature has several series must steps be looked at.
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/status.h"
#include "lib/eval/binary_op.h"
#include "lib/eval/families.h"
#include "lib/eval/matching.h"
#include "lib/eval/text.h"

namespace varve::eval {
namespace {

using promql::MatchCardinality;
using Indexes = std::vector<size_t>;

// The first step at which two of the columns have a sample, and which two.
struct Clash {
  bool found = false;
  size_t step = 0;
  size_t first = 0;
  size_t second = 0;
};

template <typename ColumnOf>
Clash FindClash(const Indexes& members, size_t steps, ColumnOf column,
                const std::vector<bool>* relevant) {
  for (size_t step = 0; step < steps; ++step) {
    if (relevant != nullptr && !(*relevant)[step]) continue;
    const size_t* seen = nullptr;
    for (const size_t& member : members) {
      if (IsAbsent(column(member)[step])) continue;
      if (seen != nullptr) return {true, step, *seen, member};
      seen = &member;
    }
  }
  return {};
}

// Steps at which any series of the vector has a sample.
std::vector<bool> AnyPresent(const std::vector<EvalSeries>& series,
                             size_t steps) {
  std::vector<bool> any(steps);
  for (const EvalSeries& s : series) {
    for (size_t i = 0; i < steps; ++i) {
      if (!IsAbsent(s.values[i])) any[i] = true;
    }
  }
  return any;
}

class Matcher {
 public:
  Matcher(Evaluation& ev, const promql::BinaryExpr& expr, size_t steps)
      : ev_(ev),
        expr_(expr),
        matching_(*expr.matching),
        swapped_(expr.matching->cardinality == MatchCardinality::kOneToMany),
        drops_(DropsName(expr.op, expr.return_bool) && !expr.keep_metric_names),
        steps_(steps) {}

  // `many` is the left side unless group_right swaps them.
  absl::StatusOr<Value> Run(std::vector<EvalSeries>& many,
                            std::vector<EvalSeries>& one) {
    for (size_t i = 0; i < one.size(); ++i) {
      one_by_signature_[matching_.Signature(one[i].labels)].push_back(i);
    }
    RETURN_IF_ERROR(CheckOneSide(many, one));
    absl::flat_hash_map<std::string, Indexes> results_by_signature;
    for (EvalSeries& series : many) {
      const std::string signature = matching_.Signature(series.labels);
      const auto it = one_by_signature_.find(signature);
      if (it == one_by_signature_.end()) continue;
      Indexes& results = results_by_signature[signature];
      for (size_t index : it->second) Combine(series, one[index], results);
    }
    for (const auto& [signature, results] : results_by_signature) {
      RETURN_IF_ERROR(CheckResults(results));
    }
    RETURN_IF_ERROR(MergeSameLabels(out_.series));
    SortByLabels(out_.series);
    RETURN_IF_ERROR(ev_.Charge(out_.charge, out_.series.size(), steps_));
    return std::move(out_);
  }

 private:
  absl::Status CheckOneSide(const std::vector<EvalSeries>& many,
                            const std::vector<EvalSeries>& one) {
    std::vector<bool> relevant;
    for (const auto& [signature, members] : one_by_signature_) {
      if (members.size() < 2) continue;
      if (relevant.empty()) relevant = AnyPresent(many, steps_);
      const Clash clash = FindClash(
          members, steps_,
          [&one](size_t i) { return std::span<const double>(one[i].values); },
          &relevant);
      if (!clash.found) continue;
      const model::LabelSet& second = one[clash.second].labels;
      return base::InvalidArgument(
          "found duplicate series for the match group ",
          LabelsText(matching_.SignatureLabels(second)), " on the ",
          swapped_ ? "left" : "right", " hand-side of the operation: [",
          LabelsText(second), ", ", LabelsText(one[clash.first].labels),
          "];many-to-many matching not allowed: matching labels must be "
          "unique on one side");
    }
    return absl::OkStatus();
  }

  void Combine(const EvalSeries& many, const EvalSeries& one,
               Indexes& results) {
    const EvalSeries& left = swapped_ ? one : many;
    const EvalSeries& right = swapped_ ? many : one;
    EvalSeries result;
    result.values.resize(steps_);
    ApplyColumns(expr_.op, expr_.return_bool, left.values, right.values,
                 left.values, result.values);
    if (AllAbsent(result.values)) return;
    const bool delayed = ev_.request().delayed_name_removal;
    // Arithmetic drops the name at once even then, as in Prometheus.
    const bool drop_now =
        drops_ && (!delayed || !promql::IsComparison(expr_.op));
    result.labels = matching_.ResultLabels(many.labels, one.labels, drop_now);
    result.drop_name = delayed && drops_ && expr_.return_bool;
    results.push_back(out_.series.size());
    out_.series.push_back(std::move(result));
  }

  // Of the results of one signature.
  absl::Status CheckResults(const Indexes& results) const {
    if (results.size() < 2) return absl::OkStatus();
    const auto column = [this](size_t i) {
      return std::span<const double>(out_.series[i].values);
    };
    if (expr_.matching->cardinality == MatchCardinality::kOneToOne) {
      if (!FindClash(results, steps_, column, nullptr).found) {
        return absl::OkStatus();
      }
      return base::InvalidArgument(
          "multiple matches for labels: many-to-one matching must be "
          "explicit (group_left/group_right)");
    }
    absl::flat_hash_map<model::LabelSet, Indexes> same;
    for (size_t i : results) same[out_.series[i].labels].push_back(i);
    for (const auto& [labels, members] : same) {
      if (members.size() > 1 &&
          FindClash(members, steps_, column, nullptr).found) {
        return base::InvalidArgument(
            "multiple matches for labels: grouping labels must ensure unique "
            "matches");
      }
    }
    return absl::OkStatus();
  }

  Evaluation& ev_;
  const promql::BinaryExpr& expr_;
  const Matching matching_;
  const bool swapped_;
  const bool drops_;
  const size_t steps_;
  absl::flat_hash_map<std::string, Indexes> one_by_signature_;
  Value out_;
};

}  // namespace

absl::StatusOr<Value> MatchVectors(Evaluation& ev,
                                   const promql::BinaryExpr& expr, Value lhs,
                                   Value rhs, const StepRange& steps) {
  if (!expr.matching) return base::Internal("vectors without matching");
  if (expr.matching->fill_left || expr.matching->fill_right) {
    return base::Unimplemented("the fill modifiers are not implemented");
  }
  Matcher matcher(ev, expr, steps.count);
  if (expr.matching->cardinality == MatchCardinality::kOneToMany) {
    return matcher.Run(rhs.series, lhs.series);
  }
  return matcher.Run(lhs.series, rhs.series);
}

}  // namespace varve::eval
