#include "lib/storenode/cardinality_answer.h"

#include <vector>

namespace varve::storenode {
namespace {

using Entries =
    google::protobuf::RepeatedPtrField<proto::CardinalityResponse::Entry>;

void AddEntries(const std::vector<storage::TopEntry>& from, Entries& to) {
  for (const storage::TopEntry& one : from) {
    proto::CardinalityResponse::Entry& entry = *to.Add();
    entry.set_name(one.name);
    entry.set_count(one.count);
  }
}

}  // namespace

void ToProto(const storage::Cardinality& from,
             proto::CardinalityResponse& to) {
  for (const auto& [label, hashes] : from.value_hashes) {
    proto::CardinalityResponse::ValueHashes& values = *to.add_value_hashes();
    values.set_label(label);
    values.mutable_hashes()->Assign(hashes.begin(), hashes.end());
  }
  to.set_total_series(from.total_series);
  to.set_total_label_value_pairs(from.total_label_value_pairs);
  AddEntries(from.series_count_by_metric_name,
             *to.mutable_series_count_by_metric_name());
  AddEntries(from.series_count_by_label_name,
             *to.mutable_series_count_by_label_name());
  AddEntries(from.series_count_by_focus_label_value,
             *to.mutable_series_count_by_focus_label_value());
  AddEntries(from.series_count_by_label_value_pair,
             *to.mutable_series_count_by_label_value_pair());
  AddEntries(from.label_value_count_by_label_name,
             *to.mutable_label_value_count_by_label_name());
}

void ToProto(std::span<const storage::SlotDigest> from,
             proto::CardinalityResponse& to) {
  for (const storage::SlotDigest& one : from) {
    to.add_digest_slots(one.slot);
    to.add_digest_counts(one.count);
    to.add_digest_sums(one.sum);
  }
}

}  // namespace varve::storenode
