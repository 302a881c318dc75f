// Aggregations whose window function and groups are computed by the source,
// where the series are: what arrives are groups x steps.
//
// States are joined in the order in which nodes are asked, then in that of the
// lanes. Minima, maxima and counts do not depend on how many nodes, processors
// and batches the series were spread over; sums and averages, which are
// compensated (Kahan), do in their last bits at most, variances in some more.
// The result's series are in order of their labels always.
#include <algorithm>
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
#include "lib/eval/pushed_read.h"
#include "lib/eval/stream_plan.h"

namespace varve::eval {
namespace {

// Groups that the source has begun, and those of the series it left over.
class PushedGroups final : public PushedSink {
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

  absl::Status Add(const AggregatedPart& part) override {
    for (size_t i = 0; i < part.keys.size(); ++i) {
      GroupColumns columns(op_, steps_);
      base::ByteReader reader(part.states[i]);
      if (!columns.ReadBytes(reader) || !reader.AtEnd()) return IsUnreadable();
      RETURN_IF_ERROR(Join(part.keys[i], std::move(columns), lanes_[0]));
    }
    lanes_[0].hashes.insert(lanes_[0].hashes.end(), part.label_hashes.begin(),
                            part.label_hashes.end());
    return absl::OkStatus();
  }

  absl::Status Add(size_t lane_index, model::LabelSet& labels,
                   const ColumnView& column) override {
    if (!column.histograms.empty()) return HasHistograms();
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

}  // namespace

absl::StatusOr<std::optional<Value>> EvalPushedAggregate(
    Evaluation& ev, const promql::AggregateExpr& expr, const StreamPlan& plan,
    const StepRange& steps) {
  if (!IsPushed(ev, plan.rollup)) return std::nullopt;
  PushedGroups groups(ev, expr, plan, steps.count);
  ASSIGN_OR_RETURN(
      const bool read,
      ReadPushed(ev, PushedRequest(ev, expr, plan, ColumnAggregate(expr.op)),
                 plan, groups));
  if (!read) return std::nullopt;
  ASSIGN_OR_RETURN(Value value, groups.Finish());
  return std::optional<Value>(std::move(value));
}

}  // namespace varve::eval
