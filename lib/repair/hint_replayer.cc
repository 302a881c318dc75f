#include "lib/repair/hint_replayer.h"

#include <algorithm>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/repair/forgotten_nodes.h"
#include "lib/wire/features.h"

namespace varve::repair {
namespace {

std::string NodeText(uint64_t node_id) {
  return base::StrCat(absl::Hex(node_id, absl::kZeroPad16));
}

}  // namespace

HintReplayer::HintReplayer(storage::Engine* engine, Dial dial,
                           const HintReplayerOptions& options,
                           telemetry::Metrics* metrics)
    : engine_(engine),
      options_(options),
      metrics_(metrics),
      replayed_rows_(metrics->AddCounter("varve_hints_replayed_rows_total")),
      dropped_rows_(metrics->AddCounter("varve_hints_dropped_rows_total")),
      errors_(metrics->AddCounter("varve_hints_replay_errors_total")),
      peers_(engine, std::move(dial),
             wire::kFeatureHints | wire::kFeatureLz4) {
  worker_.emplace(options.interval, [this](Worker& worker) { Look(worker); });
}

HintReplayer::~HintReplayer() {
  worker_.reset();
  metrics_->RemoveCallbacks(this);
}

std::string HintReplayer::NameOf(uint64_t owner) const {
  std::string address = AddressOf(*engine_, owner);
  return address.empty() ? NodeText(owner) : address;
}

// Two owners have one name when a node was replaced: a metric must not be
// there twice.
void HintReplayer::ShowOwner(uint64_t owner) {
  const std::string name = NameOf(owner);
  if (!shown_.insert(name).second) return;
  const telemetry::MetricLabels labels = {{"addr", name}};
  metrics_->AddCallback(this, "varve_hints_bytes", labels, [this, name] {
    int64_t bytes = 0;
    for (const storage::HintReplay& log : engine_->hints().Pending()) {
      if (NameOf(log.owner()) == name) bytes += log.bytes();
    }
    return static_cast<double>(bytes);
  });
  metrics_->AddCallback(this, "varve_hints_age_seconds", labels, [this, name] {
    for (const storage::HintReplay& log : engine_->hints().Pending()) {
      if (NameOf(log.owner()) != name) continue;  // else: the oldest
      const int64_t age_ms = base::SystemClock().NowMs() - log.created_ms();
      return static_cast<double>(std::max<int64_t>(age_ms, 0)) / 1000;
    }
    return 0.0;
  });
}

void HintReplayer::Look(Worker& worker) {
  const std::vector<storage::HintReplay> logs = engine_->hints().Pending();
  ForgetEnded(logs);
  ForgottenNodes forgotten;
  if (!logs.empty()) forgotten = ForgottenNodes::Of(*engine_);
  for (const storage::HintReplay& log : logs) {
    if (worker.stopping()) return;
    const bool dropped = forgotten.HasHints(log.owner(), log.log());
    if (!dropped) ShowOwner(log.owner());
    Owner& owner = owners_[log.owner()];
    if (base::SystemClock().SteadyMs() < owner.due_steady_ms) continue;
    Replay& replay =
        replays_.try_emplace({log.owner(), log.log()}, log).first->second;
    const absl::Status status = dropped ? Drop(replay) : GoOn(worker, replay);
    if (worker.stopping()) return;
    if (status.ok()) {
      owner = Owner();
    } else {
      replay.session.reset();
      Failed(log.owner(), status);
    }
  }
}

void HintReplayer::ForgetEnded(const std::vector<storage::HintReplay>& logs) {
  std::set<uint64_t> owners;
  std::set<LogKey> keys;
  for (const storage::HintReplay& log : logs) {
    owners.insert(log.owner());
    keys.insert({log.owner(), log.log()});
  }
  std::erase_if(replays_, [&keys](const auto& one) {
    return keys.count(one.first) == 0;
  });
  // After the sessions that use them.
  peers_.Keep(owners);
}

absl::StatusOr<HintSession*> HintReplayer::SessionOf(Worker& worker,
                                                     Replay& replay) {
  const auto reached = peers_.Reach(replay.log.owner());
  // No ring yet: it comes with the next insert node.
  if (absl::IsNotFound(reached.status())) return nullptr;
  RETURN_IF_ERROR(reached.status());
  rpc::Channel* const channel = *reached;
  if (channel == nullptr) return nullptr;
  const uint64_t connection = channel->connection_epoch();
  if (replay.session != nullptr && replay.session->channel() == channel &&
      replay.connection == connection) {
    return replay.session.get();
  }
  replay.connection = connection;
  replay.session = std::make_unique<HintSession>(
      engine_, &replay.log, channel, &worker, options_.bytes_per_second);
  RETURN_IF_ERROR(replay.session->PutRings());
  return replay.session.get();
}

absl::Status HintReplayer::GoOn(Worker& worker, Replay& replay) {
  ASSIGN_OR_RETURN(HintSession* const session, SessionOf(worker, replay));
  if (session == nullptr) return absl::OkStatus();
  // What comes meanwhile is for the next look: other owners wait.
  const uint64_t end = replay.log.end();
  while (true) {
    ASSIGN_OR_RETURN(const bool more, replay.log.Next(end));
    if (!more) break;
    const int64_t rows = session->rows();
    const int64_t dropped = session->dropped();
    RETURN_IF_ERROR(session->SendRows());
    RETURN_IF_ERROR(replay.log.Cut());
    replayed_rows_.Add(session->rows() - rows);
    dropped_rows_.Add(session->dropped() - dropped);
  }
  if (replay.log.quiet_ms() < absl::ToInt64Milliseconds(options_.quiet)) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const bool done, replay.log.Finish());
  if (done) {
    base::LogInfo("replayed hints for node ", NodeText(replay.log.owner()),
                  " at ", session->channel()->address(), ": ",
                  session->rows(), " rows, ", session->dropped(), " dropped");
  }
  return absl::OkStatus();
}

absl::Status HintReplayer::Drop(Replay& replay) {
  replay.session.reset();
  storage::HintReplay& log = replay.log;
  // Never done, whatever ends this before its end: nobody has its rows. And
  // what comes from now on goes to another log.
  log.LeaveOut();
  int64_t rows = 0;
  const auto leave_out = [](std::string_view, int64_t) {
    return absl::OkStatus();
  };
  while (true) {
    ASSIGN_OR_RETURN(const bool more, log.Next(log.end()));
    if (!more) break;
    RETURN_IF_ERROR(log.ReadRows({}, leave_out, rows));
    RETURN_IF_ERROR(log.Cut());
  }
  RETURN_IF_ERROR(log.Finish().status());
  dropped_rows_.Add(rows);
  base::LogInfo("hints for node ", NodeText(log.owner()),
                ", which is forgotten: ", rows, " rows were dropped");
  return absl::OkStatus();
}

void HintReplayer::Failed(uint64_t node, const absl::Status& status) {
  errors_.Increment();
  Owner& owner = owners_[node];
  owner.backoff = std::clamp(owner.backoff * 2, options_.backoff_min,
                             options_.backoff_max);
  // Holders that failed together do not come back together.
  const double jitter =
      std::uniform_real_distribution<double>(0.5, 1)(random_);
  owner.due_steady_ms =
      base::SystemClock().SteadyMs() +
      absl::ToInt64Milliseconds(owner.backoff * jitter);
  base::LogWarn("hints for node ", NodeText(node), ": ",
                base::Message(status), "; the next try is in ",
                absl::FormatDuration(owner.backoff));
}

}  // namespace varve::repair
