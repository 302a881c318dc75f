// Aggregations whose window function and groups are computed by the source,
// where the series are: what arrives are groups x steps.
//
// States are joined in the order in which nodes are asked, then in that of the
// lanes. Minima, maxima and counts do not depend on how many nodes, processors
// and batches the series were spread over; sums and averages, which are
// compensated (Kahan), do in their last bits at most, variances in some more.
// The result's series are in order of their labels always.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/byte_coding.h"
#include "lib/base/hash.h"
#include "lib/base/status.h"
#include "lib/eval/families.h"
#include "lib/eval/grouping.h"
#include "lib/eval/notes.h"
#include "lib/eval/stream_plan.h"

namespace varve::eval {
namespace {

using rollup::Function;

// Functions of floats without arguments, over plain windows. Others read what
// the source is not told, or are rare.
bool IsPushed(const Evaluation& ev, const RollupPlan& plan) {
  if (ev.request().dialect != promql::Dialect::kPromql ||
      plan.windows.fits_interval ||
      plan.selector->edges != promql::RangeEdges::kPlain) {
    return false;
  }
  switch (plan.function) {
    case Function::kRate:
    case Function::kIncrease:
    case Function::kDelta:
    case Function::kIrate:
    case Function::kIdelta:
    case Function::kDeriv:
    case Function::kChanges:
    case Function::kResets:
    case Function::kAvg:
    case Function::kSum:
    case Function::kMin:
    case Function::kMax:
    case Function::kCount:
    case Function::kLast:
    case Function::kFirst:
    case Function::kPresent:
    case Function::kStddev:
    case Function::kStdvar:
    case Function::kDefault:
      return true;
    default:
      return false;
  }
}

// Groups that the source has begun, and those of the series it left over.
class PushedGroups final : public ColumnSink {
 public:
  PushedGroups(Evaluation& ev, const promql::AggregateExpr& expr,
               const StreamPlan& plan, size_t steps)
      : ev_(ev),
        plan_(plan),
        op_(ColumnAggregate(expr.op)),
        grouping_(expr),
        steps_(steps),
        removed_(plan.drop_name && !ev.request().delayed_name_removal),
        lanes_(ev.lanes()) {}

  absl::Status Add(const AggregatedPart& part) {
    RETURN_IF_ERROR(ev_.CountFetched(part.series, part.samples));
    if (part.keys.size() != part.states.size()) return Unreadable();
    for (size_t i = 0; i < part.keys.size(); ++i) {
      GroupColumns columns(op_, steps_);
      base::ByteReader reader(part.states[i]);
      if (!columns.ReadBytes(reader) || !reader.AtEnd()) return Unreadable();
      RETURN_IF_ERROR(Join(part.keys[i], std::move(columns), lanes_[0]));
    }
    lanes_[0].hashes.insert(lanes_[0].hashes.end(), part.label_hashes.begin(),
                            part.label_hashes.end());
    for (const std::string& name : part.metric_names) {
      TellNotCounter(ev_, name, plan_.rollup.position);
    }
    return absl::OkStatus();
  }

  absl::Status Add(size_t lane_index, model::LabelSet& labels,
                   const ColumnView& column) override {
    if (!column.histograms.empty()) {
      return absl::AbortedError("the source has histograms");
    }
    GroupColumns columns(op_, steps_);
    columns.Add(column.values);
    std::string key;
    grouping_.Key(labels, removed_, key);
    Lane& lane = lanes_[lane_index];
    if (removed_ && plan_.may_collide) {
      model::LabelSet plain = labels;
      RemoveMetadata(plain);
      std::string bytes;
      model::AppendCanonicalBytes(bytes, plain);
      lane.hashes.push_back(base::Hash128Of(bytes));
    }
    return Join(key, std::move(columns), lane);
  }

  absl::StatusOr<Value> Finish() {
    Lane& all = lanes_[0];
    for (size_t i = 1; i < lanes_.size(); ++i) {
      all.hashes.insert(all.hashes.end(), lanes_[i].hashes.begin(),
                        lanes_[i].hashes.end());
      for (auto& [key, columns] : lanes_[i].groups) {
        RETURN_IF_ERROR(Join(key, std::move(columns), all));
      }
      lanes_[i] = {};
    }
    std::sort(all.hashes.begin(), all.hashes.end());
    if (std::adjacent_find(all.hashes.begin(), all.hashes.end()) !=
        all.hashes.end()) {
      return base::InvalidArgument(kSameLabelSetText);
    }
    Value value;
    for (auto& [key, columns] : all.groups) {
      EvalSeries& series = value.series.emplace_back();
      ASSIGN_OR_RETURN(series.labels, model::ParseCanonicalBytes(key));
      series.drop_name = plan_.drop_name && !removed_;
      series.values = columns.Finish();
    }
    value.charge = std::move(all.charge);
    SortByLabels(value.series);
    return value;
  }

 private:
  // What the source has given is in the first one.
  struct Lane {
    absl::flat_hash_map<std::string, GroupColumns> groups;
    std::vector<base::Hash128> hashes;
    MemoryCharge charge;
  };

  static absl::Status Unreadable() {
    return absl::AbortedError("a group that cannot be read");
  }

  absl::Status Join(const std::string& key, GroupColumns columns,
                    Lane& lane) {
    const auto place = lane.groups.find(key);
    if (place != lane.groups.end()) {
      place->second.Merge(columns);
      return absl::OkStatus();
    }
    const auto bytes = static_cast<int64_t>(columns.bytes() + key.size());
    lane.groups.emplace(key, std::move(columns));
    return lane.charge.Add(ev_.memory(), bytes);
  }

  Evaluation& ev_;
  const StreamPlan& plan_;
  const rollup::Aggregate op_;
  const Grouping grouping_;
  const size_t steps_;
  const bool removed_;  // results have lost their metadata labels already
  std::vector<Lane> lanes_;
};

AggregateRequest RequestOf(Evaluation& ev, const promql::AggregateExpr& expr,
                           const StreamPlan& plan) {
  AggregateRequest request;
  request.select = SelectOf(ev, plan.rollup);
  request.function = rollup::NameOf(plan.rollup.function);
  request.first_end_ms = plan.rollup.windows.first_end_ms;
  request.end_step_ms = plan.rollup.windows.end_step_ms;
  request.range_ms = plan.rollup.windows.range_ms;
  request.steps = plan.rollup.windows.count;
  request.aggregate = static_cast<uint32_t>(ColumnAggregate(expr.op));
  request.without = expr.without;
  request.grouping = expr.grouping;
  request.without_metadata =
      plan.drop_name && !ev.request().delayed_name_removal;
  request.label_hashes = request.without_metadata && plan.may_collide;
  request.samples_max = ev.request().limits.samples_max;
  return request;
}

absl::Status ReadAll(Evaluation& ev, AggregateStream& stream,
                     const StreamPlan& plan, PushedGroups& groups) {
  AggregatedPart part;
  while (true) {
    RETURN_IF_ERROR(ev.CheckAlive());
    ASSIGN_OR_RETURN(const bool more, stream.Next(part));
    if (!more) break;
    RETURN_IF_ERROR(groups.Add(part));
  }
  const std::unique_ptr<SeriesStream> rest = stream.TakeRest();
  if (rest == nullptr) return absl::OkStatus();
  return StreamColumns(ev, plan.rollup, *rest, groups);
}

}  // namespace

absl::StatusOr<std::optional<Value>> EvalPushedAggregate(
    Evaluation& ev, const promql::AggregateExpr& expr, const StreamPlan& plan,
    const StepRange& steps) {
  if (ev.request().count_samples || !IsPushed(ev, plan.rollup)) {
    return std::nullopt;
  }
  ASSIGN_OR_RETURN(
      const std::unique_ptr<AggregateStream> stream,
      ev.request().source->Aggregate(RequestOf(ev, expr, plan)));
  if (stream == nullptr) return std::nullopt;
  PushedGroups groups(ev, expr, plan, steps.count);
  const EvalStats before = ev.stats();
  const absl::Status status = ReadAll(ev, *stream, plan, groups);
  if (absl::IsAborted(status)) {
    // Nothing of it counts.
    const EvalStats now = ev.stats();
    RETURN_IF_ERROR(
        ev.CountFetched(before.series_fetched - now.series_fetched,
                        before.samples_scanned - now.samples_scanned));
    return std::nullopt;
  }
  RETURN_IF_ERROR(status);
  ASSIGN_OR_RETURN(Value value, groups.Finish());
  return std::optional<Value>(std::move(value));
}

}  // namespace varve::eval
