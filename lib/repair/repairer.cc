#include "lib/repair/repairer.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "lib/base/byte_coding.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/base/thread_nice.h"
#include "lib/repair/kept_rings.h"
#include "lib/wire/features.h"

namespace varve::repair {
namespace {

// Deletes are remembered for a day.
constexpr int64_t kAwayMaxMs = 20 * kHourMs;
constexpr absl::Duration kLostInterval = absl::Seconds(30);

int64_t SteadyAfter(absl::Duration duration) {
  return base::SystemClock().SteadyMs() + absl::ToInt64Milliseconds(duration);
}

// What decides about shares: members by ring id, and which ring is newest.
std::string NamesOf(const std::vector<proto::Ring>& rings) {
  std::string names;
  int64_t newest_ms = std::numeric_limits<int64_t>::min();
  uint64_t newest = 0;
  for (const proto::Ring& ring : rings) {
    base::PutFixedLe<uint64_t>(names, ring.ring_id());
    for (const proto::Ring::Member& one : ring.members()) {
      names += one.address();
    }
    if (ring.last_ms() < newest_ms) continue;
    newest_ms = ring.last_ms();
    newest = ring.ring_id();
  }
  base::PutFixedLe<uint64_t>(names, newest);
  return names;
}

std::optional<model::TimeRange> Both(
    const std::optional<model::TimeRange>& a,
    const std::optional<model::TimeRange>& b) {
  if (!a || !b) return std::nullopt;
  return model::TimeRange{std::max(a->start_ms, b->start_ms),
                          std::min(a->end_ms, b->end_ms)};
}

}  // namespace

Repairer::Repairer(RepairParts parts, Dial dial,
                   const RepairerOptions& options)
    : parts_(std::move(parts)),
      options_(options),
      peers_(parts_.engine, std::move(dial), wire::kFeatureDigests),
      rate_(options.bytes_per_second),
      due_steady_ms_(
          SteadyAfter(std::min(options.interval, options.first))) {
  // What is there at the start can wait for its time.
  (void)RingsChanged();
  worker_.emplace(
      options.tick, [this](Worker& worker) { Look(worker); },
      base::kBackgroundNice);
}

void Repairer::Look(Worker& worker) {
  const bool forced = parts_.progress->TakeForced();
  if (!forced && !IsDue()) return;
  const bool complete = Pass(worker, forced);
  // Answers may lack rows until these are made up for, or have to be read from
  // all copies.
  const bool soon =
      parts_.lost.any() || (complete && parts_.lost.to_compare());
  due_steady_ms_ = SteadyAfter(
      soon ? std::min(options_.interval, kLostInterval) : options_.interval);
}

bool Repairer::IsDue() {
  const bool changed = RingsChanged();
  if (options_.interval == absl::ZeroDuration()) return false;
  return changed || base::SystemClock().SteadyMs() >= due_steady_ms_;
}

bool Repairer::RingsChanged() {
  // A ring that comes back changes its time alone.
  absl::StatusOr<std::vector<proto::Ring>> rings = KeptRings(*parts_.engine);
  if (!rings.ok()) {
    base::LogWarn("rings for repair: ", base::Message(rings.status()));
    return false;
  }
  std::string names = NamesOf(*rings);
  if (names == names_) return false;
  names_ = std::move(names);
  rings_ = *std::move(rings);
  return true;
}

void Repairer::ReachAll(Worker& worker) {
  std::set<uint64_t> node_ids;
  for (const SlotShare& one : shares_.others) node_ids.insert(one.node_id);
  peers_.Keep(node_ids);
  const int64_t end_ms = SteadyAfter(options_.dial_max);
  const auto reached = [this](const SlotShare& one) {
    const auto channel = peers_.Reach(one.node_id);
    return !channel.ok() || *channel != nullptr;
  };
  // All of them are dialed before any is waited for.
  while (std::ranges::count_if(shares_.others, reached) <
         static_cast<int64_t>(shares_.others.size())) {
    if (base::SystemClock().SteadyMs() >= end_ms) return;
    if (!worker.Sleep(absl::Milliseconds(20))) return;
  }
}

bool Repairer::HasAllMembers() const {
  const auto others =
      std::ranges::count_if(shares_.others, &SlotShare::is_member);
  return static_cast<size_t>(others) + 1 == shares_.members;
}

bool Repairer::Pass(Worker& worker, bool forced) {
  (void)RingsChanged();
  if (shared_by_ != names_) {
    shares_ = SharesOf(parts_.engine->node_id(), rings_);
    shared_by_ = names_;
  }
  std::vector<PeerProgress> peers;
  for (const SlotShare& one : shares_.others) {
    peers.push_back({.node_id = one.node_id,
                     .address = one.address,
                     .is_member = one.is_member,
                     .slots = static_cast<int64_t>(one.slots.Count())});
  }
  const bool open_hours = parts_.lost.any() || parts_.lost.to_compare();
  const int64_t began_ms = base::SystemClock().NowMs();
  parts_.progress->Begin(std::move(peers));
  pulled_.Begin(model::DayOf(began_ms));
  compared_ = {std::numeric_limits<int64_t>::min(),
               std::numeric_limits<int64_t>::max()};
  ReachAll(worker);
  // Before anything is compared.
  marks_.emplace(parts_.engine->node_id(), &peers_, &worker);
  marks_->Take(shares_.others);
  const int64_t rows = parts_.progress->View().rows;
  size_t failed = 0;
  for (const SlotShare& one : shares_.others) {
    const absl::StatusOr<rpc::Channel*> channel = ChannelTo(one, forced);
    // One that is there and cannot be read now is not gone.
    const bool has_left =
        absl::IsUnavailable(channel.status()) && !one.is_member;
    const absl::Status status =
        channel.ok() ? RepairFrom(worker, one, *channel, open_hours)
                     : channel.status();
    if (worker.stopping()) return false;
    parts_.progress->PeerDone(one.node_id, std::string(base::Message(status)),
                              !status.ok() && !has_left);
    if (status.ok() || has_left) continue;
    ++failed;
    base::LogWarn("repair from node ",
                  absl::Hex(one.node_id, absl::kZeroPad16), " at ",
                  one.address, ": ", base::Message(status));
  }
  marks_->Tell(shares_.others, rings_, ForgottenNodes::Of(*parts_.engine));
  peers_.Keep({});
  parts_.progress->End(began_ms, base::SystemClock().NowMs(), failed == 0);
  const bool complete = failed == 0 && HasAllMembers();
  if (complete && open_hours) NoteCompared(began_ms);
  const int64_t pulled = parts_.progress->View().rows - rows;
  if (pulled > 0) {
    base::LogInfo("repair pulled ", pulled, " rows from ",
                  shares_.others.size() - failed, " nodes; ", failed,
                  " were left out");
  }
  return complete;
}

void Repairer::NoteCompared(int64_t began_ms) {
  // What a delete dropped here the others may have been given after it.
  const int64_t from_ms = compared_ ? compared_->start_ms
                                    : std::numeric_limits<int64_t>::max();
  const absl::Status status = parts_.lost.note_compared(began_ms, from_ms);
  if (!status.ok()) {
    base::LogWarn("a whole pass of repair is not noted: ",
                  base::Message(status));
  }
}

bool Repairer::IsTooOld(const SlotShare& share, int64_t now_ms) const {
  const auto heard = heard_ms_.find(share.node_id);
  const int64_t last_ms =
      std::max(share.last_ms, heard == heard_ms_.end() ? 0 : heard->second);
  return !share.is_member && now_ms - last_ms > kAwayMaxMs;
}

absl::StatusOr<rpc::Channel*> Repairer::ChannelTo(const SlotShare& share,
                                                  bool forced) {
  const auto reached = peers_.Reach(share.node_id);
  parts_.progress->Reached(share.node_id,
                           reached.ok() && *reached != nullptr);
  ASSIGN_OR_RETURN(rpc::Channel* const channel, reached);
  if (channel == nullptr) return base::Unavailable("it cannot be reached");
  if (!forced && IsTooOld(share, base::SystemClock().NowMs())) {
    return base::Unavailable(
        "it has left, and was not heard of for so long that it may have what "
        "was deleted meanwhile; /internal/force_repair pulls from it");
  }
  return channel;
}

absl::Status Repairer::RepairFrom(Worker& worker, const SlotShare& share,
                                  rpc::Channel* channel, bool open_hours) {
  const int64_t now_ms = base::SystemClock().NowMs();
  // Days that retention has reached into are gone soon, on each node at
  // another time.
  const int64_t first =
      model::DayOf(std::max<int64_t>(now_ms - options_.retention_ms, 0)) + 1;
  const int64_t end_ms = std::min(
      now_ms + (open_hours ? options_.future_ms : 0),
      model::kTimestampMaxMs - kHourMs);
  PeerReads reads(channel, &worker, &rate_);
  const model::TimeRange range = {first * model::kDayMs, end_ms};
  std::optional<model::TimeRange> compared = range;
  for (const model::SlotSet* slots : {&share.slots, &share.strays}) {
    if (slots->Count() == 0) continue;
    PeerRepair repair(&parts_, share.node_id, share.is_member, slots,
                      shares_.ring_id, &reads, &worker, &pulled_);
    RETURN_IF_ERROR(repair.Run(range, open_hours));
    compared = Both(compared, repair.compared());
  }
  if (compared) marks_->NoteCompared(share.node_id, *compared);
  if (share.is_member) compared_ = Both(compared_, compared);
  heard_ms_[share.node_id] = now_ms;
  return absl::OkStatus();
}

}  // namespace varve::repair
