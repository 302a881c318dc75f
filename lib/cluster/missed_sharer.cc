#include "lib/cluster/missed_sharer.h"

#include <algorithm>
#include <optional>
#include <string>

#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/wire/methods.h"

namespace varve::cluster {
namespace {

constexpr int64_t kListMs = 5'000;
constexpr int64_t kStoreMs = 5'000;
constexpr int64_t kRetryMs = 5'000;
// A record has up to 200 KB of slots.
constexpr size_t kCallsMax = 16;

uint64_t HashOf(const model::SlotSet& slots) {
  return base::Hash64Of(slots.Bytes());
}

bool SameNode(const std::weak_ptr<const Node>& a,
              const std::weak_ptr<const Node>& b) {
  return !a.owner_before(b) && !b.owner_before(a);
}

}  // namespace

std::vector<MissedSharer::Peer> MissedSharer::PeersOf(const WriteView& view) {
  std::vector<Peer> peers;
  for (size_t node = 0; node < view.node_count(); ++node) {
    if (!view.live[node] || view.level_below[node] ||
        !view.keeps_missed[node]) {
      continue;
    }
    peers.push_back(
        {.node = node,
         .identity = view.nodes->nodes()[node],
         .connection = view.nodes->channel(node).connection_epoch()});
  }
  return peers;
}

bool MissedSharer::IsShared(const Peer& peer) const {
  return std::any_of(shared_.begin(), shared_.end(), [&](const Peer& one) {
    return one.connection == peer.connection &&
           SameNode(one.identity, peer.identity);
  });
}

void MissedSharer::Look(const WriteView& view) {
  std::vector<Peer> peers = PeersOf(view);
  if (std::all_of(peers.begin(), peers.end(),
                  [this](const Peer& one) { return IsShared(one); })) {
    return;
  }
  if (clock_->SteadyMs() < retry_ms_) return;
  const absl::Status status = Share(*view.nodes, peers);
  all_.clear();
  if (status.ok()) {
    for (Peer& one : peers) one.kept.clear();
    shared_ = std::move(peers);
    return;
  }
  retry_ms_ = clock_->SteadyMs() + kRetryMs;
  static base::LogEvery every(60'000);
  if (every.Due()) {
    base::LogWarn("MISSED records of levels above are not with all storage "
                  "nodes yet: ", base::Message(status));
  }
}

absl::Status MissedSharer::Share(const NodeList& nodes,
                                 std::vector<Peer>& peers) {
  std::vector<std::unique_ptr<rpc::Call>> calls;
  for (const Peer& peer : peers) {
    calls.push_back(nodes.channel(peer.node).Start(wire::kGetMissed, ""));
  }
  absl::Status status;
  deadline_ms_ = clock_->SteadyMs() + kListMs;
  for (size_t i = 0; i < peers.size(); ++i) {
    const absl::Status listed = List(*calls[i], peers[i]);
    peers[i].listed = listed.ok();
    status.Update(listed);
  }
  deadline_ms_ = clock_->SteadyMs() + kStoreMs;
  for (const Peer& peer : peers) {
    if (peer.listed) status.Update(Store(nodes, peer));
  }
  return status;
}

absl::Status MissedSharer::List(rpc::Call& call, Peer& peer) {
  while (true) {
    const absl::StatusOr<std::optional<std::string>> answer =
        call.Next(deadline_ms_);
    if (absl::IsUnimplemented(answer.status())) return absl::OkStatus();
    RETURN_IF_ERROR(answer.status());
    if (!answer->has_value()) return absl::OkStatus();
    proto::MissedList list;
    if (!list.ParseFromString(**answer)) {
      return base::DataLoss("a list of MISSED records that cannot be read");
    }
    for (const proto::Missed& record : list.records()) Add(record, peer);
  }
}

void MissedSharer::Add(const proto::Missed& record, Peer& peer) {
  const Key key{.owner = record.owner(),
                .ring = record.ring(),
                .start_ms = record.start_ms(),
                .end_ms = record.end_ms(),
                .levels_above = record.levels_above()};
  model::SlotSet slots;
  for (const uint32_t slot : record.slots()) {
    if (slot < model::SlotSet::kSlots) slots.Add(static_cast<uint16_t>(slot));
  }
  peer.kept[key] = HashOf(slots);
  all_[key].AddAll(slots);
}

absl::Status MissedSharer::Store(const NodeList& nodes,
                                 const Peer& peer) const {
  std::vector<std::unique_ptr<rpc::Call>> calls;
  const auto wait = [&]() -> absl::Status {
    for (const auto& call : calls) {
      RETURN_IF_ERROR(call->Next(deadline_ms_).status());
    }
    calls.clear();
    return absl::OkStatus();
  };
  for (const auto& [key, slots] : all_) {
    const auto kept = peer.kept.find(key);
    if (kept != peer.kept.end() && kept->second == HashOf(slots)) continue;
    proto::Missed record;
    record.set_owner(key.owner);
    record.set_ring(key.ring);
    record.set_start_ms(key.start_ms);
    record.set_end_ms(key.end_ms);
    record.set_levels_above(key.levels_above);
    for (uint32_t slot = 0; slot < model::SlotSet::kSlots; ++slot) {
      if (slots.Has(static_cast<uint16_t>(slot))) record.add_slots(slot);
    }
    calls.push_back(nodes.channel(peer.node)
                        .Start(wire::kMissed, record.SerializeAsString()));
    if (calls.size() == kCallsMax) RETURN_IF_ERROR(wait());
  }
  return wait();
}

}  // namespace varve::cluster
