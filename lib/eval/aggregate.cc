// sum, avg, min, max, count, group, stddev, stdvar; straight from the source
// where the argument allows it, holding groups x steps only.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/hash.h"
#include "lib/base/status.h"
#include "lib/eval/families.h"
#include "lib/eval/grouping.h"
#include "lib/eval/stream_plan.h"

namespace varve::eval {
namespace {

struct Group {
  model::LabelSet labels;
  bool drop_name = false;
  GroupColumns columns;
};

// One lane's groups; also used for columns that are in memory already.
class GroupTable {
 public:
  GroupTable(Evaluation& ev, const promql::AggregateExpr& expr, size_t steps)
      : ev_(ev),
        op_(ColumnAggregate(expr.op)),
        grouping_(expr),
        steps_(steps) {}

  absl::Status Add(const model::LabelSet& labels, bool without_metadata,
                   bool drop_name, std::span<const double> column) {
    grouping_.Key(labels, without_metadata, key_);
    auto it = index_.find(key_);
    if (it == index_.end()) {
      it = index_.emplace(key_, groups_.size()).first;
      groups_.push_back({grouping_.Labels(labels, without_metadata), drop_name,
                         GroupColumns(op_, steps_)});
      RETURN_IF_ERROR(charge_.Add(
          ev_.memory(), static_cast<int64_t>(groups_.back().columns.bytes())));
    }
    groups_[it->second].columns.Add(column);
    return absl::OkStatus();
  }

  void Merge(GroupTable& other) {
    for (const auto& [key, index] : other.index_) {
      Group& from = other.groups_[index];
      const auto [it, is_new] = index_.try_emplace(key, groups_.size());
      if (is_new) {
        groups_.push_back(std::move(from));
      } else {
        groups_[it->second].columns.Merge(from.columns);
      }
    }
  }

  Value Finish() {
    Value value;
    for (Group& group : groups_) {
      value.series.push_back(
          {std::move(group.labels), group.drop_name, group.columns.Finish()});
    }
    value.charge = std::move(charge_);
    SortByLabels(value.series);
    return value;
  }

 private:
  Evaluation& ev_;
  const rollup::Aggregate op_;
  const Grouping grouping_;
  const size_t steps_;
  std::string key_;
  absl::flat_hash_map<std::string, size_t> index_;
  std::vector<Group> groups_;
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
                             column.values);
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
  ASSIGN_OR_RETURN(const Value value, EvalAggregateInput(ev, expr, steps));
  GroupTable table(ev, expr, steps.count);
  for (const EvalSeries& series : value.series) {
    RETURN_IF_ERROR(
        table.Add(series.labels, false, series.drop_name, series.values));
  }
  return table.Finish();
}

}  // namespace varve::eval
