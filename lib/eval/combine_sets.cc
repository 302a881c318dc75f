// and, or, unless: vectors as sets of signatures, step by step.
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/status.h"
#include "lib/eval/families.h"
#include "lib/eval/matching.h"

namespace varve::eval {
namespace {

// For each signature the steps at which some series of it has a sample.
using Presence = absl::flat_hash_map<std::string, std::vector<bool>>;

Presence PresenceOf(const Matching& matching,
                    const std::vector<EvalSeries>& series, size_t steps) {
  Presence presence;
  for (const EvalSeries& s : series) {
    std::vector<bool>& present = presence[matching.Signature(s.labels)];
    present.resize(steps);
    for (size_t i = 0; i < steps; ++i) {
      if (s.HasSample(i)) present[i] = true;
    }
  }
  return presence;
}

// Keeps the samples of `series` where the other side is present or not.
void Keep(const Matching& matching, const Presence& other, bool where_present,
          std::vector<EvalSeries>& series) {
  for (EvalSeries& s : series) {
    const auto it = other.find(matching.Signature(s.labels));
    if (it == other.end()) {
      if (where_present) {
        s.values.assign(s.values.size(), Absent());
        s.DropHistograms();
      }
      continue;
    }
    for (size_t i = 0; i < s.values.size(); ++i) {
      if (it->second[i] != where_present) s.ClearSample(i);
    }
  }
  RemoveEmpty(series);
}

}  // namespace

absl::StatusOr<Value> CombineSets(Evaluation& ev,
                                  const promql::BinaryExpr& expr, Value lhs,
                                  Value rhs, const StepRange& steps) {
  if (!expr.matching) return base::Internal("vectors without matching");
  const Matching matching(*expr.matching);
  lhs.ordered = false;
  if (expr.op != promql::BinaryOp::kOr) {
    Keep(matching, PresenceOf(matching, rhs.series, steps.count),
         expr.op == promql::BinaryOp::kAnd, lhs.series);
    return lhs;
  }
  Keep(matching, PresenceOf(matching, lhs.series, steps.count), false,
       rhs.series);
  RETURN_IF_ERROR(ev.Charge(lhs.charge, rhs.series));
  std::move(rhs.series.begin(), rhs.series.end(),
            std::back_inserter(lhs.series));
  RETURN_IF_ERROR(MergeSameLabels(lhs.series));
  SortByLabels(lhs.series);
  return lhs;
}

}  // namespace varve::eval
