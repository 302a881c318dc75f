// topk, bottomk, limitk, limit_ratio: some of each group's own series.

#include <algorithm>
#include <cmath>
#include <compare>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/hash.h"
#include "lib/base/status.h"
#include "lib/eval/families.h"
#include "lib/eval/grouping.h"
#include "lib/eval/notes.h"
#include "lib/eval/stream_plan.h"
#include "lib/eval/text.h"
#include "lib/rollup/best_series.h"

namespace varve::eval {
namespace {

using promql::AggregateOp;

bool IsBest(AggregateOp op) {
  return op == AggregateOp::kTopk || op == AggregateOp::kBottomk;
}

// Prometheus checks the parameter of all steps at once, and so do we: below 1
// everywhere it asks for nothing, which is no error.
absl::Status CheckCounts(const std::vector<double>& counts) {
  const auto above = [](double k) { return !(k < 1); };
  if (std::none_of(counts.begin(), counts.end(), above)) {
    return absl::OkStatus();
  }
  for (double k : counts) {
    if (k <= -0x1p63) {
      return base::InvalidArgument("Scalar value ", GeneralNumber(k),
                                   " underflows int64");
    }
    if (!(k < 0x1p63)) {
      return base::InvalidArgument("Scalar value ", GeneralNumber(k),
                                   " overflows int64");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckRatios(Evaluation& ev, std::vector<double>& ratios,
                         promql::Position position) {
  for (double& ratio : ratios) {
    if (std::isnan(ratio))
      return base::InvalidArgument("Ratio value NaN is NaN");
    const double capped = std::clamp(ratio, -1.0, 1.0);
    if (capped == ratio) continue;
    ev.Warn(base::StrCat("ratio value should be between -1 and 1, got ",
                         GeneralNumber(ratio), ", capping to ",
                         GeneralNumber(capped)),
            position);
    ratio = capped;
  }
  return absl::OkStatus();
}

// Where the series lies in [0, 1]: the same for ever, as in Prometheus, whose
// hash is XXH64 of the label set's bytes.
double RatioOffset(const model::LabelSet& labels) {
  std::string bytes;
  model::AppendCanonicalBytes(bytes, labels);
  return static_cast<double>(base::Xxh64Of(bytes)) /
         static_cast<double>(std::numeric_limits<uint64_t>::max());
}

// Picks, per step, which series of one group stay.
class Picker {
 public:
  Picker(AggregateOp op, const std::vector<EvalSeries>& input)
      : op_(op), input_(input) {
    if (op != AggregateOp::kLimitRatio) return;
    for (const EvalSeries& s : input) offsets_.push_back(RatioOffset(s.labels));
  }

  // Indexes into the input, best first; they are valid until the next call.
  const std::vector<size_t>& Pick(const std::vector<size_t>& members,
                                  size_t step, double parameter) {
    picked_.clear();
    for (size_t index : members) {
      if (!IsCandidate(index, step)) continue;
      if (op_ != AggregateOp::kLimitRatio || InRatio(index, parameter)) {
        picked_.push_back(index);
      }
    }
    if (op_ == AggregateOp::kLimitRatio) return picked_;
    const size_t wanted =
        parameter < 1 ? 0
                      : static_cast<size_t>(std::min(
                            parameter, static_cast<double>(picked_.size())));
    if (op_ != AggregateOp::kLimitk) SortBest(step, wanted);
    picked_.resize(wanted);
    return picked_;
  }

 private:
  // topk and bottomk compare floats.
  bool IsCandidate(size_t index, size_t step) const {
    return IsBest(op_) ? !IsAbsent(input_[index].values[step])
                       : input_[index].HasSample(step);
  }

  bool InRatio(size_t index, double ratio) const {
    if (ratio >= 0) return offsets_[index] < ratio;
    return offsets_[index] >= 1.0 + ratio;
  }

  void SortBest(size_t step, size_t wanted) {
    const bool top = op_ == AggregateOp::kTopk;
    std::partial_sort(
        picked_.begin(), picked_.begin() + static_cast<std::ptrdiff_t>(wanted),
        picked_.end(), [this, step, top](size_t a, size_t b) {
          const std::weak_ordering rank = rollup::Rank(
              top, input_[a].values[step], input_[b].values[step]);
          return rank == 0 ? a < b : rank < 0;
        });
  }

  const AggregateOp op_;
  const std::vector<EvalSeries>& input_;
  std::vector<double> offsets_;
  std::vector<size_t> picked_;
};

// The most that is asked for at any step; 0: nothing, or too much to push down.
uint32_t MostWanted(const std::vector<double>& counts) {
  double most = 0;
  for (double k : counts) {
    if (!(k < rollup::kBestMax + 1.0)) return 0;
    most = std::max(most, k);
  }
  return static_cast<uint32_t>(most);
}

// No function that has any is pushed down, and making the plan evaluates them.
bool HasScalars(const promql::Expr& unwrapped) {
  return unwrapped.kind == promql::ExprKind::kCall &&
         !SplitArguments(static_cast<const promql::Call&>(unwrapped))
              .scalars.empty();
}

// What is picked from: all series, or those that the source says may be.
absl::StatusOr<Value> EvalInput(Evaluation& ev,
                                const promql::AggregateExpr& expr,
                                const StepRange& steps,
                                const std::vector<double>& parameter) {
  const promql::Expr& inner = Unwrap(*expr.expr);
  const uint32_t k = IsBest(expr.op) ? MostWanted(parameter) : 0;
  if (k > 0 && CanStream(inner) && !HasScalars(inner)) {
    StreamPlan plan;
    RETURN_IF_ERROR(MakeStreamPlan(ev, inner, steps, plan));
    ASSIGN_OR_RETURN(std::optional<Value> pushed,
                     EvalPushedPick(ev, expr, plan, steps, k));
    if (pushed) return *std::move(pushed);
  }
  return ev.Eval(*expr.expr, steps);
}

// Where anything is asked for, histograms that cannot be compared are told.
void TellIgnoredHistograms(Evaluation& ev, const promql::AggregateExpr& expr,
                           const std::vector<EvalSeries>& input,
                           const std::vector<double>& counts) {
  for (const EvalSeries& series : input) {
    for (size_t step = 0; step < series.histograms.size(); ++step) {
      if (series.histograms[step] == nullptr || counts[step] < 1) continue;
      return TellHistogramIgnored(
          ev, expr.op == AggregateOp::kTopk ? "topk" : "bottomk",
          expr.position);
    }
  }
}

std::vector<std::vector<size_t>> GroupMembers(
    const Grouping& grouping, const std::vector<EvalSeries>& input) {
  std::vector<std::vector<size_t>> groups;
  absl::flat_hash_map<std::string, size_t> index;
  std::string key;
  for (size_t i = 0; i < input.size(); ++i) {
    grouping.Key(input[i].labels, false, key);
    const auto [it, is_new] = index.try_emplace(key, groups.size());
    if (is_new) groups.emplace_back();
    groups[it->second].push_back(i);
  }
  return groups;
}

}  // namespace

absl::StatusOr<Value> EvalAggregatePick(Evaluation& ev,
                                        const promql::AggregateExpr& expr,
                                        const StepRange& steps) {
  ASSIGN_OR_RETURN(std::vector<double> parameter,
                   ev.EvalScalar(*expr.param, steps));
  ASSIGN_OR_RETURN(Value input, EvalInput(ev, expr, steps, parameter));
  RETURN_IF_ERROR(expr.op == AggregateOp::kLimitRatio
                      ? CheckRatios(ev, parameter, Unwrap(*expr.param).position)
                      : CheckCounts(parameter));
  const std::vector<std::vector<size_t>> groups =
      GroupMembers(Grouping(expr), input.series);
  Picker picker(expr.op, input.series);
  if (IsBest(expr.op)) {
    TellIgnoredHistograms(ev, expr, input.series, parameter);
  }
  std::vector<EvalSeries> columns(input.series.size());
  std::vector<size_t> order;  // as first picked
  for (const std::vector<size_t>& members : groups) {
    for (size_t step = 0; step < steps.count; ++step) {
      for (size_t index : picker.Pick(members, step, parameter[step])) {
        const EvalSeries& from = input.series[index];
        EvalSeries& to = columns[index];
        if (to.values.empty()) {
          to.values.assign(steps.count, Absent());
          order.push_back(index);
        }
        to.values[step] = from.values[step];
        if (from.HasHistogram(step))
          to.SetHistogram(step, from.histograms[step]);
      }
    }
  }
  Value value;
  for (size_t index : order) {
    columns[index].labels = std::move(input.series[index].labels);
    columns[index].drop_name = input.series[index].drop_name;
    value.series.push_back(std::move(columns[index]));
  }
  value.charge = std::move(input.charge);
  value.ordered = IsBest(expr.op);
  if (!value.ordered || steps.count > 1) SortByLabels(value.series);
  return value;
}

}  // namespace varve::eval
