#include "lib/cluster/missed_records.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "lib/base/status.h"
#include "lib/wire/methods.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {
namespace {

proto::Missed::Keeper KeeperOf(KeeperHas has) {
  switch (has) {
    case KeeperHas::kRows:
      return proto::Missed::ROWS;
    case KeeperHas::kHints:
      return proto::Missed::HINTS;
    case KeeperHas::kUncompared:
      break;
  }
  return proto::Missed::UNKNOWN;
}

}  // namespace

void MissedRecords::Add(uint16_t owner, uint16_t hints,
                        std::span<const Keeper> keepers, uint16_t slot,
                        const model::TimeRange& span) {
  for (const Keeper& keeper : keepers) {
    Slots& entry = missed_[{owner, hints, keeper.node}];
    entry.has = std::max(entry.has, keeper.has);
    entry.slots.push_back(slot);
    entry.span.start_ms = std::min(entry.span.start_ms, span.start_ms);
    entry.span.end_ms = std::max(entry.span.end_ms, span.end_ms);
  }
}

Miss MissedRecords::MissOf(const Key& key, KeeperHas has) const {
  const WriteView& view = attempt_.view();
  Miss miss{.ring = view.ring->id(), .keeper_has = has};
  if (key.owner != kUnknownNode) miss.owner = view.node_ids[key.owner];
  if (key.hints != kNoLane) {
    miss.hint_holder = view.node_ids[view.node_of(key.hints)];
    miss.hint_log = view.hint_log(key.hints);
  }
  return miss;
}

absl::Status MissedRecords::Store() {
  struct Pending {
    Miss miss;
    uint16_t keeper;
    std::vector<uint32_t> slots;
    model::TimeRange span;
    std::unique_ptr<rpc::Call> call;
  };
  const WriteView& view = attempt_.view();
  MissedLedger& ledger = attempt_.core().ledger;
  const uint64_t period = ledger.period();
  std::vector<Pending> pending;
  for (auto& [key, entry] : missed_) {
    std::vector<uint32_t>& slots = entry.slots;
    std::sort(slots.begin(), slots.end());
    slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
    const Miss miss = MissOf(key, entry.has);
    const model::TimeRange span = RoundToHours(entry.span);
    slots = ledger.NotYet(miss, view.node_ids[key.keeper], slots, span);
    if (slots.empty()) continue;
    if (!view.keeps_missed[key.keeper]) {
      return base::Unavailable(
          "a copy is missing, and storage node ",
          view.nodes->node(key.keeper).address,
          " is of a release that cannot keep record of it");
    }
    proto::Missed record;
    record.set_owner(miss.owner);
    record.set_ring(miss.ring);
    record.set_start_ms(span.start_ms);
    record.set_end_ms(span.end_ms);
    record.mutable_slots()->Add(slots.begin(), slots.end());
    record.set_hint_holder(miss.hint_holder);
    record.set_hint_log(miss.hint_log);
    record.set_keeper(KeeperOf(entry.has));
    pending.push_back({miss, key.keeper, std::move(slots), span,
                       view.nodes->channel(key.keeper)
                           .Start(wire::kMissed, record.SerializeAsString())});
  }
  for (Pending& one : pending) {
    ASSIGN_OR_RETURN(const auto answer,
                     attempt_.Take(*one.call, one.keeper, "MISSED"));
    // Its copy stands, but nothing says that the owner lacks one.
    if (!answer.has_value()) return attempt_.TooFewNow();
    ledger.Add(period, one.miss, view.node_ids[one.keeper], one.slots,
               one.span);
  }
  return absl::OkStatus();
}

}  // namespace varve::cluster
