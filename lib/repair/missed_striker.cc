#include "lib/repair/missed_striker.h"

#include <algorithm>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/repair/forgotten_nodes.h"
#include "lib/wire/features.h"
#include "lib/wire/methods.h"
#include "proto/varve_rpc.pb.h"
#include "storage/engine/hints.h"

namespace varve::repair {
namespace {

// Asked of a holder at once; the rest at the next look.
constexpr size_t kLogsMax = 1'000;

}  // namespace

MissedStriker::MissedStriker(storage::Engine* engine, MissedRecords* records,
                             Dial dial, absl::Duration interval)
    : engine_(engine),
      records_(records),
      peers_(engine, std::move(dial), wire::kFeatureHints),
      worker_(interval, [this](Worker& worker) { Look(worker); }) {}

void MissedStriker::Look(Worker& worker) {
  const absl::Status dropped =
      records_->DropOld(base::SystemClock().NowMs());
  if (!dropped.ok()) {
    base::LogWarn("MISSED records: ", base::Message(dropped));
  }
  auto logs = records_->HintLogs();
  if (!logs.ok()) {
    base::LogWarn("MISSED records: ", base::Message(logs.status()));
    return;
  }
  std::erase_if(*logs, [this](const HintLogName& log) {
    return unknown_.count(log) > 0;
  });
  std::set<uint64_t> holders;
  for (const HintLogName& log : *logs) holders.insert(log.holder);
  peers_.Keep(holders);
  // Those of one holder are neighbours.
  for (size_t begin = 0; begin < logs->size() && !worker.stopping();) {
    size_t end = begin;
    while (end < logs->size() && end - begin < kLogsMax &&
           (*logs)[end].holder == (*logs)[begin].holder) {
      ++end;
    }
    const absl::Status status =
        Ask(worker, std::span(*logs).subspan(begin, end - begin));
    static base::LogEvery every(60'000);
    if (!status.ok() && !absl::IsCancelled(status) && every.Due()) {
      base::LogWarn("MISSED records stay, for the holder of their hints does ",
                    "not answer: ", base::Message(status));
    }
    begin = end;
  }
}

absl::Status MissedStriker::Ask(Worker& worker,
                                std::span<const HintLogName> logs) {
  if (logs[0].holder != engine_->node_id()) return AskPeer(worker, logs);
  for (const HintLogName& log : logs) {
    const storage::HintState state =
        engine_->hints().StateOf(log.owner, log.log);
    RETURN_IF_ERROR(Judge(log, state == storage::HintState::kDone,
                          state == storage::HintState::kUnknown));
  }
  return absl::OkStatus();
}

absl::Status MissedStriker::AskPeer(Worker& worker,
                                    std::span<const HintLogName> logs) {
  const auto reached = peers_.Reach(logs[0].holder);
  if (absl::IsNotFound(reached.status()) &&
      ForgottenNodes::Of(*engine_).Has(logs[0].holder)) {
    for (const HintLogName& log : logs) {
      RETURN_IF_ERROR(Judge(log, /*done=*/false, /*unknown=*/true));
    }
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(rpc::Channel* const channel, reached);
  if (channel == nullptr) return absl::OkStatus();  // the next look
  proto::HintStatusRequest request;
  for (const HintLogName& log : logs) {
    proto::HintStatusRequest::Log& one = *request.add_logs();
    one.set_owner(log.owner);
    one.set_hint_log(log.log);
  }
  const auto call =
      channel->Start(wire::kHintStatus, request.SerializeAsString());
  ASSIGN_OR_RETURN(const std::string answer, worker.AnswerOf(*call));
  proto::HintStatusResponse response;
  if (!response.ParseFromString(answer) ||
      response.states_size() != request.logs_size()) {
    return base::DataLoss("HINTSTATUS of ", request.logs_size(),
                          " logs was answered with ", response.states_size(),
                          " states");
  }
  for (size_t i = 0; i < logs.size(); ++i) {
    const auto state = response.states(static_cast<int>(i));
    RETURN_IF_ERROR(Judge(logs[i],
                          state == proto::HintStatusResponse::DONE,
                          state == proto::HintStatusResponse::UNKNOWN));
  }
  return absl::OkStatus();
}

absl::Status MissedStriker::Judge(const HintLogName& log, bool done,
                                  bool unknown) {
  if (done) {
    RETURN_IF_ERROR(records_->Strike(log));
    base::LogInfo("node ", absl::Hex(log.owner, absl::kZeroPad16),
                  " has the rows it had missed: its MISSED records of hints ",
                  absl::Hex(log.log, absl::kZeroPad16), " are struck out");
  }
  if (unknown) {
    unknown_.insert(log);
    base::LogWarn("hints ", absl::Hex(log.log, absl::kZeroPad16), " for node ",
                  absl::Hex(log.owner, absl::kZeroPad16),
                  " are lost with their holder ",
                  absl::Hex(log.holder, absl::kZeroPad16),
                  " or damaged: the MISSED records stay until the copies are ",
                  "compared");
  }
  return absl::OkStatus();
}

}  // namespace varve::repair
