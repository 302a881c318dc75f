// Arithmetic and comparison of vectors: one-to-one, group_left, group_right,
// with missing samples filled in.
//
// Prometheus matches step by step. Columns are matched once per signature;
// only where one signature has several series must steps be looked at. A
// filled-in side is a series of its own, with the labels of the signature and
// a value at the steps where the real ones have none.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/status.h"
#include "lib/eval/binary_op.h"
#include "lib/eval/families.h"
#include "lib/eval/matching.h"
#include "lib/eval/notes.h"
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

Clash FindClash(const Indexes& members, size_t steps,
                const std::vector<EvalSeries>& series,
                const std::vector<bool>* relevant) {
  for (size_t step = 0; step < steps; ++step) {
    if (relevant != nullptr && !(*relevant)[step]) continue;
    const size_t* seen = nullptr;
    for (const size_t& member : members) {
      if (!series[member].HasSample(step)) continue;
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
      if (s.HasSample(i)) any[i] = true;
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
        fill_one_(expr.matching->fill_right),
        fill_many_(expr.matching->fill_left),
        drops_(DropsName(expr.op, expr.return_bool) && !expr.keep_metric_names),
        steps_(steps) {}

  // `many` is the left side unless group_right swaps them.
  absl::StatusOr<Value> Run(std::vector<EvalSeries>& many,
                            std::vector<EvalSeries>& one) {
    for (size_t i = 0; i < one.size(); ++i) {
      one_by_signature_[matching_.Signature(one[i].labels)].push_back(i);
    }
    RETURN_IF_ERROR(CheckOneSide(many, one));
    std::vector<std::string> signatures;
    for (EvalSeries& series : many) {
      signatures.push_back(matching_.Signature(series.labels));
      const auto it = one_by_signature_.find(signatures.back());
      if (it == one_by_signature_.end()) {
        if (fill_one_) CombineFilled(series, {}, one, signatures.back());
        continue;
      }
      Indexes& results = results_by_signature_[signatures.back()];
      for (size_t index : it->second) Combine(series, one[index], results);
      if (fill_one_) CombineFilled(series, it->second, one, signatures.back());
    }
    if (fill_many_) FillMany(many, signatures, one);
    for (const auto& [signature, results] : results_by_signature_) {
      RETURN_IF_ERROR(CheckResults(results));
    }
    TellOperandNotes(ev_, notes_, expr_);
    RETURN_IF_ERROR(MergeSameLabels(out_.series));
    SortByLabels(out_.series);
    RETURN_IF_ERROR(ev_.Charge(out_.charge, out_.series));
    return std::move(out_);
  }

 private:
  absl::Status CheckOneSide(const std::vector<EvalSeries>& many,
                            const std::vector<EvalSeries>& one) {
    std::vector<bool> relevant;
    // One may be matched with what is filled in.
    if (fill_many_) relevant.assign(steps_, true);
    for (const auto& [signature, members] : one_by_signature_) {
      if (members.size() < 2) continue;
      if (relevant.empty()) relevant = AnyPresent(many, steps_);
      const Clash clash = FindClash(members, steps_, one, &relevant);
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
    ApplyOperands(expr_.op, expr_.return_bool, {left.values, left.histograms},
                  {right.values, right.histograms}, left.values, result,
                  notes_);
    if (result.IsEmpty()) return;
    const bool delayed = ev_.request().delayed_name_removal;
    // Arithmetic drops the name at once even then, as in Prometheus.
    const bool drop_now =
        drops_ && (!delayed || !promql::IsComparison(expr_.op));
    result.labels = matching_.ResultLabels(many.labels, one.labels, drop_now);
    result.drop_name = delayed && drops_ && expr_.return_bool;
    results.push_back(out_.series.size());
    out_.series.push_back(std::move(result));
  }

  // What stands in for the side that `series` lacks: absent where one of
  // `others` has a sample.
  EvalSeries Filled(const EvalSeries& series, const Indexes& others,
                    const std::vector<EvalSeries>& all, double value) const {
    EvalSeries filled;
    filled.labels = matching_.SignatureLabels(series.labels);
    filled.values.assign(steps_, value);
    for (size_t index : others) {
      for (size_t step = 0; step < steps_; ++step) {
        if (all[index].HasSample(step)) filled.values[step] = Absent();
      }
    }
    return filled;
  }

  void CombineFilled(const EvalSeries& many, const Indexes& ones,
                     const std::vector<EvalSeries>& one,
                     const std::string& signature) {
    const EvalSeries filled = Filled(many, ones, one, *fill_one_);
    Combine(many, filled, results_by_signature_[signature]);
  }

  void FillMany(const std::vector<EvalSeries>& many,
                const std::vector<std::string>& signatures,
                const std::vector<EvalSeries>& one) {
    absl::flat_hash_map<std::string, Indexes> many_by_signature;
    for (size_t i = 0; i < many.size(); ++i) {
      many_by_signature[signatures[i]].push_back(i);
    }
    for (const auto& [signature, indexes] : one_by_signature_) {
      const Indexes& others = many_by_signature[signature];
      for (size_t index : indexes) {
        const EvalSeries filled = Filled(one[index], others, many, *fill_many_);
        Combine(filled, one[index], results_by_signature_[signature]);
      }
    }
  }

  // Of the results of one signature.
  absl::Status CheckResults(const Indexes& results) const {
    if (results.size() < 2) return absl::OkStatus();
    if (expr_.matching->cardinality == MatchCardinality::kOneToOne) {
      if (!FindClash(results, steps_, out_.series, nullptr).found) {
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
          FindClash(members, steps_, out_.series, nullptr).found) {
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
  // As Prometheus: the right side's value is for the "one" side, also where
  // group_right makes that the left one.
  const std::optional<double> fill_one_;
  const std::optional<double> fill_many_;
  const bool drops_;
  const size_t steps_;
  absl::flat_hash_map<std::string, Indexes> one_by_signature_;
  absl::flat_hash_map<std::string, Indexes> results_by_signature_;
  OperandNotes notes_;
  Value out_;
};

}  // namespace

absl::StatusOr<Value> MatchVectors(Evaluation& ev,
                                   const promql::BinaryExpr& expr, Value lhs,
                                   Value rhs, const StepRange& steps) {
  if (!expr.matching) return base::Internal("vectors without matching");
  Matcher matcher(ev, expr, steps.count);
  if (expr.matching->cardinality == MatchCardinality::kOneToMany) {
    return matcher.Run(rhs.series, lhs.series);
  }
  return matcher.Run(lhs.series, rhs.series);
}

}  // namespace varve::eval
