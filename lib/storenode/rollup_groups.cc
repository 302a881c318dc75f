#include "lib/storenode/rollup_groups.h"

#include <utility>

#include "lib/base/status.h"

namespace varve::storenode {

using rollup::BestSeries;
using rollup::GroupColumns;

int64_t RollupGroups::Group::bytes() const {
  const size_t of_state =
      std::visit([](const auto& one) { return one.bytes(); }, state);
  return static_cast<int64_t>(of_state + 2 * key.size());
}

RollupGroups::Group RollupGroups::MakeGroup(const std::string& key) const {
  if (!rollup::IsPick(aggregate_)) {
    return {key, GroupColumns(aggregate_, steps_)};
  }
  return {key, BestSeries(aggregate_ == rollup::Aggregate::kTopk, k_, steps_)};
}

int64_t RollupGroups::Add(const std::string& key, std::string_view labels,
                          std::span<const double> column) {
  const auto [place, is_new] = index_.try_emplace(key, groups_.size());
  if (is_new) groups_.push_back(MakeGroup(key));
  Group& group = groups_[place->second];
  if (auto* columns = std::get_if<GroupColumns>(&group.state)) {
    columns->Add(column);
    return is_new ? group.bytes() : 0;  // they do not grow
  }
  const int64_t before = is_new ? 0 : group.bytes();
  std::get<BestSeries>(group.state).Add(labels, column);
  return group.bytes() - before;
}

void RollupGroups::Join(RollupGroups& from) {
  for (Group& group : from.groups_) {
    const auto [place, is_new] =
        index_.try_emplace(group.key, groups_.size());
    if (is_new) {
      groups_.push_back(std::move(group));
      continue;
    }
    Group& into = groups_[place->second];
    if (auto* best = std::get_if<BestSeries>(&into.state)) {
      best->Merge(std::get<BestSeries>(group.state));
    } else {
      std::get<GroupColumns>(into.state)
          .Merge(std::get<GroupColumns>(group.state));
    }
  }
  from.index_.clear();
  from.groups_.clear();
}

absl::Status RollupGroups::ForEachState(const Use& use) const {
  std::string state;
  for (const Group& group : groups_) {
    if (const auto* columns = std::get_if<GroupColumns>(&group.state)) {
      state.clear();
      columns->AppendBytes(state);
      RETURN_IF_ERROR(use(group.key, state));
      continue;
    }
    for (const BestSeries::Kept& kept :
         std::get<BestSeries>(group.state).All()) {
      state.clear();
      rollup::AppendStepValues(kept.values, state);
      RETURN_IF_ERROR(use(kept.labels, state));
    }
  }
  return absl::OkStatus();
}

}  // namespace varve::storenode
