#include "lib/repair/peer_listener.h"

#include <algorithm>
#include <limits>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/wire/features.h"
#include "lib/wire/hello.h"
#include "lib/wire/methods.h"
#include "proto/varve_rpc.pb.h"

namespace varve::repair {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(100);
constexpr absl::Duration kAnswerMax = absl::Seconds(2);
// A node of a large cluster is asked by all others.
constexpr int64_t kPerMemberMs = 20;

// One of an older release keeps what it knows to itself.
bool CanTell(const rpc::Channel& channel) {
  const auto hello = wire::DecodeHello(channel.peer_hello());
  return !hello.ok() || (hello->features & wire::kFeatureRollup) != 0;
}

}  // namespace

PeerListener::PeerListener(storage::Engine* engine, Hearing hearing, Dial dial,
                           absl::Duration interval)
    : engine_(engine),
      hearing_(std::move(hearing)),
      interval_(interval),
      peers_(engine, std::move(dial), /*features=*/0),
      worker_(std::min(interval, kTick),
              [this](Worker& worker) { Look(worker); }) {}

void PeerListener::Look(Worker& worker) {
  const std::set<uint64_t> members = hearing_.members();
  peers_.Keep(members);
  std::erase_if(turns_, [&members](const auto& one) {
    return !members.contains(one.first);
  });
  for (const Asked& asked : Ask(members)) {
    const absl::Status status = Take(worker, asked);
    if (worker.stopping()) return;
    static base::LogEvery every(60'000);
    if (!status.ok() && every.Due()) {
      base::LogWarn(
          "node ", absl::Hex(asked.first, absl::kZeroPad16),
          " does not say which rows this node lacks: ", base::Message(status));
    }
  }
}

std::vector<PeerListener::Asked> PeerListener::Ask(
    const std::set<uint64_t>& members) {
  proto::CoverageRequest request;
  request.set_start_ms(std::numeric_limits<int64_t>::min());
  request.set_end_ms(std::numeric_limits<int64_t>::max());
  request.set_missed_owner(engine_->node_id());
  const int64_t period_ms =
      std::max(absl::ToInt64Milliseconds(interval_),
               kPerMemberMs * static_cast<int64_t>(members.size()));
  const int64_t now_ms = base::SystemClock().SteadyMs();
  std::vector<Asked> calls;
  for (const uint64_t id : members) {
    Turn& turn = turns_[id];
    if (now_ms < turn.due_steady_ms) continue;
    const absl::StatusOr<rpc::Channel*> channel = peers_.Reach(id);
    if (!channel.ok() || *channel == nullptr) {
      // It is dialed by now, and may be there at the next look. To look for one
      // that is away reads all rings.
      turn.unreached_ms =
          std::min(period_ms, std::max(absl::ToInt64Milliseconds(kTick),
                                       2 * turn.unreached_ms));
      turn.due_steady_ms = now_ms + turn.unreached_ms;
      continue;
    }
    turn = {.due_steady_ms = now_ms + period_ms};
    if (!CanTell(**channel)) {
      hearing_.heard(id, {});
      continue;
    }
    calls.emplace_back(
        id, (*channel)->Start(wire::kCoverage, request.SerializeAsString()));
  }
  return calls;
}

absl::Status PeerListener::Take(Worker& worker, const Asked& asked) {
  const auto answer = worker.NextOf(*asked.second, kAnswerMax);
  if (absl::IsUnimplemented(answer.status())) {
    hearing_.heard(asked.first, {});
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(answer.status());
  proto::Coverage coverage;
  if (!*answer || !coverage.ParseFromString(**answer)) {
    return base::DataLoss("no Coverage");
  }
  std::vector<model::TimeRange> lacked;
  for (const proto::Coverage::MissedSpan& one : coverage.missed()) {
    if (one.owner() != engine_->node_id()) continue;
    lacked.push_back({one.start_ms(), one.end_ms()});
  }
  hearing_.heard(asked.first, std::move(lacked));
  return absl::OkStatus();
}

}  // namespace varve::repair
