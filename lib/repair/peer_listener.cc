#include "lib/repair/peer_listener.h"

#include <algorithm>
#include <limits>
#include <utility>

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
// For all answers of a look together: who takes longer is heard at a later one.
constexpr absl::Duration kAnswerUsual = absl::Milliseconds(50);
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
      worker_(std::min(interval, kTick), [this](Worker&) { Look(); }) {}

void PeerListener::Look() {
  // Answers to what was asked before a gap may be as old.
  if (!hearing_.listens()) turns_.clear();
  const std::set<uint64_t> members = hearing_.members();
  peers_.Keep(members);
  std::erase_if(turns_, [&members](const auto& one) {
    return !members.contains(one.first);
  });
  const int64_t period_ms =
      std::max(absl::ToInt64Milliseconds(interval_),
               kPerMemberMs * static_cast<int64_t>(members.size()));
  for (const uint64_t id : members) Ask(id, period_ms, turns_[id]);
  const int64_t wait_end_ms =
      base::SystemClock().SteadyMs() + absl::ToInt64Milliseconds(kAnswerUsual);
  for (auto& [id, turn] : turns_) {
    if (turn.call != nullptr) Take(id, wait_end_ms, turn);
  }
}

void PeerListener::Ask(uint64_t node_id, int64_t period_ms, Turn& turn) {
  const int64_t now_ms = base::SystemClock().SteadyMs();
  if (turn.call != nullptr || now_ms < turn.due_steady_ms) return;
  const absl::StatusOr<rpc::Channel*> channel = peers_.Reach(node_id);
  if (!channel.ok() || *channel == nullptr) {
    // It is dialed by now, and may be there at the next look. To look for one
    // that is away reads all rings.
    turn.unreached_ms =
        std::min(period_ms, std::max(absl::ToInt64Milliseconds(kTick),
                                     2 * turn.unreached_ms));
    turn.due_steady_ms = now_ms + turn.unreached_ms;
    return;
  }
  turn.unreached_ms = 0;
  turn.due_steady_ms = now_ms + period_ms;
  if (!CanTell(**channel)) {
    hearing_.heard(node_id, {}, 0);
    return;
  }
  proto::CoverageRequest request;
  request.set_start_ms(std::numeric_limits<int64_t>::min());
  request.set_end_ms(std::numeric_limits<int64_t>::max());
  request.set_missed_owner(engine_->node_id());
  turn.call =
      (*channel)->Start(wire::kCoverage, request.SerializeAsString());
  turn.end_steady_ms = now_ms + absl::ToInt64Milliseconds(kAnswerMax);
}

void PeerListener::Take(uint64_t node_id, int64_t wait_end_ms, Turn& turn) {
  const auto answer =
      turn.call->Next(std::min(wait_end_ms, turn.end_steady_ms));
  if (absl::IsDeadlineExceeded(answer.status()) &&
      base::SystemClock().SteadyMs() < turn.end_steady_ms) {
    return;
  }
  turn.call = nullptr;
  const absl::Status status = Hear(node_id, answer);
  static base::LogEvery every(60'000);
  if (!status.ok() && every.Due()) {
    base::LogWarn(
        "node ", absl::Hex(node_id, absl::kZeroPad16),
        " does not say which rows this node lacks: ", base::Message(status));
  }
}

absl::Status PeerListener::Hear(
    uint64_t node_id,
    const absl::StatusOr<std::optional<std::string>>& answer) {
  if (absl::IsUnimplemented(answer.status())) {
    hearing_.heard(node_id, {}, 0);
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
  hearing_.heard(node_id, std::move(lacked), coverage.other_rows_ms());
  return absl::OkStatus();
}

}  // namespace varve::repair
