#include "lib/cluster/write_attempt.h"

#include <algorithm>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/status.h"

namespace varve::cluster {
namespace {

// Its definitions and rows may each wait for a node.
constexpr int64_t kLevelBelowPatience = 3;

}  // namespace

absl::Status Outdated(std::string_view why) {
  return base::FailedPrecondition("the view is outdated: ", why);
}

WriteAttempt::WriteAttempt(WriterCore& core, const WriteView& view, bool last)
    : core_(core),
      view_(view),
      last_(last),
      start_ms_(core.options.clock->SteadyMs()),
      step_start_ms_(start_ms_),
      usable_(view.lane_count()),
      errors_(view.node_count()) {
  for (size_t lane = 0; lane < usable_.size(); ++lane) {
    const uint16_t node = view.node_of(static_cast<uint16_t>(lane));
    usable_[lane] = view.live[node] != 0;
  }
}

void WriteAttempt::Fail(uint16_t node, absl::Status error) {
  core_.keeper->Suspend(view_.nodes->node(node));
  view_.writers[node]->connection_errors->Increment();
  for (size_t lane = node; lane < usable_.size(); lane += errors_.size()) {
    usable_[lane] = false;
  }
  errors_[node] = std::move(error);
  any_failed_ = true;
}

void WriteAttempt::FailHints(uint16_t lane, const absl::Status& error) {
  const Node& holder = view_.nodes->node(view_.node_of(lane));
  base::LogWarn("storage node ", holder.address, " takes no hints for ",
                view_.nodes->node(view_.hinted_owner(lane)).address,
                ", other nodes store its rows: ", base::Message(error));
  core_.keeper->RefuseHints(holder);
  usable_[lane] = false;
  any_failed_ = true;
}

absl::StatusOr<std::optional<std::string>> WriteAttempt::Take(
    rpc::Call& call, uint16_t lane, std::string_view what) {
  const uint16_t node = view_.node_of(lane);
  absl::StatusOr<std::optional<std::string>> answer =
      call.Next(DeadlineFor(node));
  if (answer.ok() && answer->has_value()) return answer;
  const absl::Status error =
      answer.ok() ? base::Unavailable("no answer to ", what) : answer.status();
  const bool unreachable =
      absl::IsUnavailable(error) || absl::IsDeadlineExceeded(error);
  if (view_.is_hint(lane) && !unreachable) {
    FailHints(lane, error);
  } else if (absl::IsInvalidArgument(error)) {
    return base::Internal(what, " was refused: ", base::Message(error));
  } else {
    Fail(node, error);
  }
  return std::optional<std::string>();
}

size_t WriteAttempt::NodesUp() const {
  return static_cast<size_t>(
      std::count(usable_.begin(), usable_.begin() + errors_.size(), 1));
}

void WriteAttempt::BeginStep() {
  step_start_ms_ = core_.options.clock->SteadyMs();
}

bool WriteAttempt::DispensesWith(uint16_t node) const {
  // With one copy only a node that is slow is still the one that has the
  // series.
  if (view_.replication_factor < 2) return false;
  if (NodesUp() - (usable_[node] != 0) < view_.copies_min) return false;
  const WriterOptions& options = core_.options;
  return view_.replication_factor > view_.copies_min || options.reroute_slow ||
         options.hint_age_max > absl::ZeroDuration();
}

int64_t WriteAttempt::DeadlineFor(uint16_t node) const {
  const WriterOptions& options = core_.options;
  const int64_t all_ms = start_ms_ + absl::ToInt64Milliseconds(options.timeout);
  if (!DispensesWith(node)) return all_ms;
  // A level below gives up on its own laggards first.
  const int64_t patience_ms =
      absl::ToInt64Milliseconds(options.laggard_timeout) *
      (view_.level_below[node] ? kLevelBelowPatience : 1);
  return std::min(all_ms, step_start_ms_ + patience_ms);
}

bool WriteAttempt::HasOtherAddress(uint16_t node) const {
  for (size_t i = 0; i < errors_.size(); ++i) {
    if (i != node && errors_[i].ok() && view_.nodes->connected(i) &&
        view_.joined_ids[i] == view_.node_ids[node]) {
      return true;
    }
  }
  return false;
}

absl::Status WriteAttempt::AgainIfWorthIt() const {
  if (!any_failed_ || last_) return absl::OkStatus();
  bool elsewhere = false;
  for (uint16_t node = 0; node < errors_.size(); ++node) {
    const bool hints = usable_[node] && view_.takes_hints[node] &&
                       core_.options.hint_age_max > absl::ZeroDuration();
    elsewhere = elsewhere || hints ||
                (!errors_[node].ok() && HasOtherAddress(node));
  }
  if (!elsewhere && NodesUp() < view_.replication_factor) {
    return absl::OkStatus();
  }
  return Outdated(base::Message(TooFew()));
}

absl::Status WriteAttempt::TooFew() const {
  std::string text =
      base::StrCat("fewer than ", view_.copies_min, " copies could be stored:");
  for (size_t node = 0; node < errors_.size(); ++node) {
    if (!errors_[node].ok()) {
      base::StrAppend(&text, " ", view_.nodes->node(node).address, ": ",
                      base::Message(errors_[node]), ";");
    } else if (!view_.live[node]) {
      base::StrAppend(&text, " ", view_.nodes->node(node).address,
                      ": not connected;");
    }
  }
  text.pop_back();
  return base::Unavailable(text);
}

absl::Status WriteAttempt::TooFewNow() const {
  return any_failed_ ? Outdated(base::Message(TooFew())) : TooFew();
}

}  // namespace varve::cluster
