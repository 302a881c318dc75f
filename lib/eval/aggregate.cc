// sum, avg, min, max, count, group, stddev, stdvar; straight from the source
// where the argument allows it, holding groups x steps only.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/hash.h"
#include "lib/base/status.h"
#include "lib/eval/families.h"
#include "lib/eval/group_histograms.h"
#include "lib/eval/grouping.h"
#include "lib/eval/notes.h"
#include "lib/eval/stream_plan.h"
#include "lib/promql/printer.h"

namespace varve::eval {
namespace {

// Floats and histograms are kept apart until the end: a step of sum or avg
// that has both gives nothing.
struct Group {
  model::LabelSet labels;
  bool drop_name = false;
  GroupColumns columns;
  std::unique_ptr<GroupHistograms> histograms;  // of sum and avg, if any
};

// One lane's groups; also used for columns that are in memory already.
class GroupTable {
 public:
  GroupTable(Evaluation& ev, const promql::AggregateExpr& expr, size_t steps)
      : ev_(ev),
        expr_(expr),
        op_(ColumnAggregate(expr.op)),
        grouping_(expr),
        steps_(steps) {}

  absl::Status Add(const model::LabelSet& labels, bool without_metadata,
                   bool drop_name, const ColumnView& column) {
    grouping_.Key(labels, without_metadata, key_);
    auto it = index_.find(key_);
    if (it == index_.end()) {
      it = index_.emplace(key_, groups_.size()).first;
      groups_.push_back({grouping_.Labels(labels, without_metadata), drop_name,
                         GroupColumns(op_, steps_), nullptr});
      RETURN_IF_ERROR(charge_.Add(
          ev_.memory(), static_cast<int64_t>(groups_.back().columns.bytes())));
    }
    Group& group = groups_[it->second];
    if (!column.histograms.empty()) {
      return AddMixed(group, without_metadata ? kNoLabels : labels, column);
    }
    group.columns.Add(column.values);
    return absl::OkStatus();
  }

  void Merge(GroupTable& other) {
    for (const auto& [key, index] : other.index_) {
      Group& from = other.groups_[index];
      const auto [it, is_new] = index_.try_emplace(key, groups_.size());
      if (is_new) {
        groups_.push_back(std::move(from));
        continue;
      }
      Group& into = groups_[it->second];
      into.columns.Merge(from.columns);
      if (into.histograms == nullptr) {
        into.histograms = std::move(from.histograms);
      } else if (from.histograms != nullptr) {
        into.histograms->Merge(*from.histograms);
      }
    }
    notes_.Merge(other.notes_);
  }

  Value Finish() {
    Value value;
    for (Group& group : groups_) {
      EvalSeries& series = value.series.emplace_back();
      series.labels = std::move(group.labels);
      series.drop_name = group.drop_name;
      series.values = group.columns.Finish();
      if (group.histograms != nullptr) Join(*group.histograms, series);
    }
    Tell();
    RemoveEmpty(value.series);
    value.charge = std::move(charge_);
    SortByLabels(value.series);
    return value;
  }

 private:
  absl::Status AddMixed(Group& group, const model::LabelSet& labels,
                        const ColumnView& column) {
    switch (op_) {
      case rollup::Aggregate::kSum:
      case rollup::Aggregate::kAvg:
        group.columns.Add(column.values);
        return AddHistograms(group, labels, column);
      case rollup::Aggregate::kCount:
      case rollup::Aggregate::kGroup:
        present_.assign(column.values.begin(), column.values.end());
        for (size_t i = 0; i < present_.size(); ++i) {
          if (column.HasHistogram(i)) present_[i] = 1;
        }
        group.columns.Add(present_);
        return absl::OkStatus();
      default:
        notes_.ignored = notes_.ignored || !AllNull(column.histograms);
        group.columns.Add(column.values);
        return absl::OkStatus();
    }
  }

  absl::Status AddHistograms(Group& group, const model::LabelSet& labels,
                             const ColumnView& column) {
    if (group.histograms == nullptr) {
      group.histograms = std::make_unique<GroupHistograms>(
          op_ == rollup::Aggregate::kAvg, steps_);
      RETURN_IF_ERROR(charge_.Add(ev_.memory(), group.histograms->bytes()));
    }
    const int64_t before = group.histograms->bytes();
    const std::string_view name = labels.Get(model::kMetricName);
    for (size_t i = 0; i < steps_; ++i) {
      if (column.HasHistogram(i)) {
        group.histograms->Add(i, column.histograms[i], name);
      }
    }
    return charge_.Add(ev_.memory(), group.histograms->bytes() - before);
  }

  void Join(GroupHistograms& histograms, EvalSeries& series) {
    notes_.Merge(histograms.notes());
    series.histograms.resize(series.values.size());
    for (size_t i = 0; i < series.values.size(); ++i) {
      if (!histograms.Has(i)) continue;
      if (IsAbsent(series.values[i])) {
        series.histograms[i] = histograms.Finish(i);
      } else {
        notes_.mixed = true;
        series.values[i] = Absent();
      }
    }
  }

  void Tell() const {
    const promql::Position position = expr_.expr->position;
    if (notes_.mixed) WarnOfMixedAggregation(ev_, position);
    if (notes_.mixed_buckets) {
      WarnOfMixedBuckets(ev_, notes_.mixed_buckets_name, position);
    }
    if (notes_.other_bounds) {
      WarnOfIncompatibleBounds(ev_, notes_.other_bounds_name, position);
    }
    if (notes_.ignored) {
      TellHistogramIgnored(ev_, promql::AggregateText(expr_.op), position);
    }
  }

  inline static const model::LabelSet kNoLabels;

  Evaluation& ev_;
  const promql::AggregateExpr& expr_;
  const rollup::Aggregate op_;
  const Grouping grouping_;
  const size_t steps_;
  std::string key_;
  absl::flat_hash_map<std::string, size_t> index_;
  std::vector<Group> groups_;
  std::vector<double> present_;  // of a series that is counted
  GroupNotes notes_;
  MemoryCharge charge_;
};

// Hashes of the label sets without metadata, to find equal ones.
base::Hash128 HashWithoutMetadata(const model::LabelSet& labels) {
  model::LabelSet copy = labels;
  RemoveMetadata(copy);
  std::string bytes;
  model::AppendCanonicalBytes(bytes, copy);
  return base::Hash128Of(bytes);
}

class AggregateSink final : public ColumnSink {
 public:
  AggregateSink(Evaluation& ev, const promql::AggregateExpr& expr,
                const StreamPlan& plan, size_t steps)
      : plan_(plan),
        delayed_(ev.request().delayed_name_removal),
        hashes_(ev.lanes()) {
    for (size_t i = 0; i < ev.lanes(); ++i)
      tables_.emplace_back(ev, expr, steps);
  }

  absl::Status Add(size_t lane, model::LabelSet& labels,
                   const ColumnView& column) override {
    const bool removed = plan_.drop_name && !delayed_;
    if (removed && plan_.may_collide) {
      hashes_[lane].push_back(HashWithoutMetadata(labels));
    }
    return tables_[lane].Add(labels, removed, plan_.drop_name && delayed_,
                             column);
  }

  absl::StatusOr<Value> Finish() {
    std::vector<base::Hash128> all;
    for (const auto& hashes : hashes_) {
      all.insert(all.end(), hashes.begin(), hashes.end());
    }
    std::sort(all.begin(), all.end());
    if (std::adjacent_find(all.begin(), all.end()) != all.end()) {
      return base::InvalidArgument(kSameLabelSetText);
    }
    for (size_t i = 1; i < tables_.size(); ++i) tables_[0].Merge(tables_[i]);
    return tables_[0].Finish();
  }

 private:
  const StreamPlan& plan_;
  const bool delayed_;
  std::vector<GroupTable> tables_;
  std::vector<std::vector<base::Hash128>> hashes_;
};

}  // namespace

absl::StatusOr<Value> EvalAggregate(Evaluation& ev,
                                    const promql::AggregateExpr& expr,
                                    const StepRange& steps) {
  if (expr.op == promql::AggregateOp::kQuantile) {
    return EvalQuantile(ev, expr, steps);
  }
  if (expr.op == promql::AggregateOp::kCountValues) {
    return EvalCountValues(ev, expr, steps);
  }
  if (expr.op >= promql::AggregateOp::kAny) {
    return EvalGroupSeries(ev, expr, steps);
  }
  if (expr.op >= promql::AggregateOp::kMedian) {
    return EvalGroupValues(ev, expr, steps);
  }
  if (!IsColumnAggregate(expr.op)) return EvalAggregatePick(ev, expr, steps);
  const promql::Expr& inner = Unwrap(*expr.expr);
  if (CanStream(inner) && expr.more_exprs.empty()) {
    StreamPlan plan;
    RETURN_IF_ERROR(MakeStreamPlan(ev, inner, steps, plan));
    ASSIGN_OR_RETURN(std::optional<Value> pushed,
                     EvalPushedAggregate(ev, expr, plan, steps));
    if (pushed) return *std::move(pushed);
    AggregateSink sink(ev, expr, plan, steps.count);
    RETURN_IF_ERROR(StreamColumns(ev, plan.rollup, sink));
    return sink.Finish();
  }
  ASSIGN_OR_RETURN(Value value, EvalAggregateInput(ev, expr, steps));
  GroupTable table(ev, expr, steps.count);
  for (EvalSeries& series : value.series) {
    RETURN_IF_ERROR(table.Add(series.labels, false, series.drop_name,
                              {series.values, series.histograms}));
  }
  return table.Finish();
}

}  // namespace varve::eval
