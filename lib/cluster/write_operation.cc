#include "lib/cluster/write_operation.h"

#include <algorithm>

#include "lib/base/status.h"
#include "lib/cluster/name_registration.h"

namespace varve::cluster {
namespace {

// The time all of a series' rows lie in; false when it has none.
bool SpanOf(const SeriesRows& row, model::TimeRange& span) {
  span = {INT64_MAX, INT64_MIN};
  const auto widen = [&span](int64_t at_ms) {
    span.start_ms = std::min(span.start_ms, at_ms);
    span.end_ms = std::max(span.end_ms, at_ms);
  };
  for (const int64_t at_ms : row.timestamps_ms) widen(at_ms);
  if (row.others != nullptr) {
    for (const int64_t at_ms : row.others->histogram_timestamps_ms) {
      widen(at_ms);
    }
    for (const model::ExemplarView& one : row.others->exemplars) {
      widen(one.timestamp_ms);
    }
  }
  return span.start_ms <= span.end_ms;
}

}  // namespace

WriteOperation::WriteOperation(WriterCore& core, const WriteView& view,
                               std::span<SeriesRows> rows,
                               std::span<const MetadataRows> metadata,
                               const model::Tenant* named, bool last_attempt,
                               int64_t accept_ms)
    : core_(core),
      view_(view),
      rows_(rows),
      metadata_(metadata),
      named_(named),
      attempt_(core, view, last_attempt),
      definer_(attempt_, rows),
      sender_(attempt_, rows, metadata, accept_ms) {}

absl::Status WriteOperation::Run() {
  RETURN_IF_ERROR(view_.status);
  core_.ledger.Enter(view_.liveness);
  if (named_ != nullptr) RETURN_IF_ERROR(RegisterName(attempt_, *named_));
  attempt_.BeginStep();
  RETURN_IF_ERROR(definer_.Run());
  RETURN_IF_ERROR(attempt_.AgainIfWorthIt());
  attempt_.BeginStep();
  RETURN_IF_ERROR(sender_.Run());
  RETURN_IF_ERROR(attempt_.AgainIfWorthIt());
  if (!view_.all_live || attempt_.any_failed() || definer_.any_detour()) {
    RETURN_IF_ERROR(CountMetadataCopies());
    RETURN_IF_ERROR(CountCopies());
  }
  // Only now, when all copies are made: who sums this counter over the nodes
  // and sees N more rows must find all their copies.
  sender_.CountSent();
  if (definer_.any_detour()) CountRerouted();
  return absl::OkStatus();
}

std::span<const uint16_t> WriteOperation::NodesWith(const SeriesRows& row) {
  size_t count = 0;
  for (uint32_t k = 0; k < kReplicationFactorMax; ++k) {
    if (!attempt_.Reaches(row, k)) continue;
    const uint16_t node = view_.node_of(row.route->lanes[k]);
    const auto end = nodes_with_.begin() + count;
    if (std::find(nodes_with_.begin(), end, node) == end) {
      nodes_with_[count++] = node;
    }
  }
  return {nodes_with_.data(), count};
}

bool WriteOperation::HasReader(const SeriesRows& row) const {
  for (uint32_t k = 0; k < kReplicationFactorMax; ++k) {
    if (attempt_.Reaches(row, k) && !view_.is_hint(row.route->lanes[k])) {
      return true;
    }
  }
  return false;
}

KeeperHas WriteOperation::WhatHas(const SeriesRows& row, uint16_t node) const {
  if (row.others != nullptr && !row.others->exemplars.empty()) {
    return KeeperHas::kUncompared;
  }
  for (uint32_t k = 0; k < kReplicationFactorMax; ++k) {
    // The number of a hint lane is above those of all nodes.
    if (row.route->lanes[k] == node && attempt_.Reaches(row, k)) {
      return KeeperHas::kRows;
    }
  }
  return KeeperHas::kHints;
}

void WriteOperation::NoteMissed(const SeriesRows& row,
                                std::span<const uint16_t> nodes,
                                MissedRecords& missed) const {
  model::TimeRange span;
  if (!SpanOf(row, span)) return;
  std::array<MissedRecords::Keeper, kReplicationFactorMax> all{};
  for (size_t i = 0; i < nodes.size(); ++i) {
    all[i] = {.node = nodes[i], .has = WhatHas(row, nodes[i])};
  }
  const auto keepers = std::span<const MissedRecords::Keeper>(all).first(
      nodes.size());
  const uint32_t owners = view_.ring->replication_factor();
  for (uint32_t k = 0; k < owners; ++k) {
    const uint16_t owner = view_.Owner(row.slot, k);
    const uint16_t lane = row.route->lanes[k];
    const bool stored = attempt_.Reaches(row, k);
    if (stored && lane == owner) continue;
    const bool hinted = stored && view_.is_hint(lane);
    missed.Add(owner, hinted ? lane : kNoLane, keepers, row.slot, span);
  }
  if (owners < view_.replication_factor) {
    missed.Add(MissedRecords::kUnknownNode, kNoLane, keepers, row.slot, span);
  }
}

absl::Status WriteOperation::CountCopies() {
  MissedRecords missed(attempt_);
  int64_t incomplete = 0;
  for (const SeriesRows& row : rows_) {
    if (row.refused != model::Refusal::kNone) continue;
    const std::span<const uint16_t> nodes = NodesWith(row);
    if (nodes.size() < view_.copies_min || !HasReader(row)) {
      return attempt_.TooFewNow();
    }
    if (nodes.size() < view_.replication_factor) {
      incomplete += static_cast<int64_t>(row.size());
    }
    NoteMissed(row, nodes, missed);
  }
  attempt_.BeginStep();
  RETURN_IF_ERROR(missed.Store());
  core_.rows_incomplete->Add(incomplete);
  return absl::OkStatus();
}

// The nodes that were down get it with the sender's next round, a minute later;
// reads ask all nodes meanwhile.
absl::Status WriteOperation::CountMetadataCopies() const {
  if (metadata_.empty()) return absl::OkStatus();
  uint32_t copies = 0;
  for (uint16_t node = 0; node < view_.node_count(); ++node) {
    copies += attempt_.usable(node);
  }
  return copies >= view_.copies_min ? absl::OkStatus() : attempt_.TooFewNow();
}

void WriteOperation::CountRerouted() const {
  for (const SeriesRows& row : rows_) {
    if (row.route->detour == 0 || row.refused != model::Refusal::kNone) {
      continue;
    }
    const auto count = static_cast<int64_t>(row.size());
    const uint32_t owners = view_.ring->replication_factor();
    for (uint32_t k = 0; k < kReplicationFactorMax; ++k) {
      // The lane after the owners' stands in for all of them.
      const uint16_t owner = view_.Owner(row.slot, k < owners ? k : 0);
      const uint16_t lane = row.route->lanes[k];
      if (lane == kNoLane || lane == owner || view_.is_hint(lane)) continue;
      view_.writers[owner]->rows_rerouted_from->Add(count);
      view_.writers[lane]->rows_rerouted_to->Add(count);
    }
  }
}

}  // namespace varve::cluster
