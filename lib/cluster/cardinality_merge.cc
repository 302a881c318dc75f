#include "lib/cluster/cardinality_merge.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/base/hash.h"
#include "lib/base/strings.h"

namespace varve::cluster {
namespace {

using Entries =
    google::protobuf::RepeatedPtrField<proto::CardinalityResponse::Entry>;
using Counts = absl::flat_hash_map<std::string, int64_t>;

void Sum(const Entries& from, Counts& to) {
  for (const auto& entry : from) to[entry.name()] += entry.count();
}

void Fill(const Counts& from, int64_t top_n, Entries& to) {
  std::vector<std::pair<std::string, int64_t>> sorted(from.begin(),
                                                      from.end());
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

void CardinalityMerge::Add(const proto::CardinalityResponse& node) {
  total_series_ += node.total_series();
  total_pairs_ += node.total_label_value_pairs();
  Sum(node.series_count_by_metric_name(), by_metric_name_);
  Sum(node.series_count_by_label_name(), by_label_name_);
  Sum(node.series_count_by_focus_label_value(), by_focus_value_);
  Sum(node.series_count_by_label_value_pair(), by_pair_);
  for (const auto& entry : node.label_value_count_by_label_name()) {
    int64_t& most = values_by_label_[entry.name()];
    most = std::max<int64_t>(most, entry.count());
  }
  for (const auto& label : node.value_hashes()) {
    values_[label.label()].insert(label.hashes().begin(),
                                  label.hashes().end());
  }
}

void CardinalityMerge::Add(const model::LabelSet& series,
                           const std::string& focus_label) {
  ++total_series_;
  for (const model::Label& label : series.labels()) {
    ++total_pairs_;
    ++by_label_name_[label.name];
    ++by_pair_[base::StrCat(label.name, "=", label.value)];
    if (label.name == model::kMetricName) ++by_metric_name_[label.value];
    if (label.name == focus_label) ++by_focus_value_[label.value];
    values_[label.name].insert(base::Hash64Of(label.value));
  }
}

proto::CardinalityResponse CardinalityMerge::Finish(int64_t top_n) const {
  proto::CardinalityResponse all;
  all.set_total_series(total_series_);
  all.set_total_label_value_pairs(total_pairs_);
  Fill(by_metric_name_, top_n, *all.mutable_series_count_by_metric_name());
  Fill(by_label_name_, top_n, *all.mutable_series_count_by_label_name());
  Fill(by_focus_value_, top_n,
       *all.mutable_series_count_by_focus_label_value());
  Fill(by_pair_, top_n, *all.mutable_series_count_by_label_value_pair());
  Counts values = values_by_label_;
  for (const auto& [label, hashes] : values_) {
    int64_t& count = values[label];
    count = std::max(count, static_cast<int64_t>(hashes.size()));
  }
  Fill(values, top_n, *all.mutable_label_value_count_by_label_name());
  return all;
}

}  // namespace varve::cluster
