#include "lib/cluster/cardinality_merge.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace varve::cluster {
namespace {

using Entries =
    google::protobuf::RepeatedPtrField<proto::CardinalityResponse::Entry>;

void Sum(const Entries& from, double copies,
         std::map<std::string, double>& to) {
  for (const auto& entry : from) {
    to[entry.name()] += static_cast<double>(entry.count()) / copies;
  }
}

void Fill(const std::map<std::string, double>& from, int64_t top_n,
          Entries& to) {
  std::vector<std::pair<std::string, int64_t>> sorted;
  sorted.reserve(from.size());
  for (const auto& [name, count] : from) {
    sorted.emplace_back(name, std::llround(count));
  }
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  if (top_n > 0 && sorted.size() > static_cast<size_t>(top_n)) {
    sorted.resize(static_cast<size_t>(top_n));
  }
  for (auto& [name, count] : sorted) {
    auto* const entry = to.Add();
    entry->set_name(std::move(name));
    entry->set_count(count);
  }
}

}  // namespace

void CardinalityMerge::Add(const proto::CardinalityResponse& node,
                           double copies) {
  total_series_ += static_cast<double>(node.total_series()) / copies;
  total_pairs_ += static_cast<double>(node.total_label_value_pairs()) / copies;
  Sum(node.series_count_by_metric_name(), copies, by_metric_name_);
  Sum(node.series_count_by_label_name(), copies, by_label_name_);
  Sum(node.series_count_by_focus_label_value(), copies, by_focus_value_);
  Sum(node.series_count_by_label_value_pair(), copies, by_pair_);
  for (const auto& entry : node.label_value_count_by_label_name()) {
    double& most = values_by_label_[entry.name()];
    most = std::max(most, static_cast<double>(entry.count()));
  }
}

proto::CardinalityResponse CardinalityMerge::Finish(int64_t top_n) const {
  proto::CardinalityResponse all;
  all.set_total_series(std::llround(total_series_));
  all.set_total_label_value_pairs(std::llround(total_pairs_));
  Fill(by_metric_name_, top_n, *all.mutable_series_count_by_metric_name());
  Fill(by_label_name_, top_n, *all.mutable_series_count_by_label_name());
  Fill(by_focus_value_, top_n,
       *all.mutable_series_count_by_focus_label_value());
  Fill(by_pair_, top_n, *all.mutable_series_count_by_label_value_pair());
  Fill(values_by_label_, top_n,
       *all.mutable_label_value_count_by_label_name());
  return all;
}

}  // namespace varve::cluster
