#include "lib/storenode/kept_state.h"

#include <algorithm>
#include <random>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/model/slot_set.h"
#include "lib/repair/kept_rings.h"
#include "lib/storenode/kept_missed.h"
#include "storage/engine/hints.h"

namespace varve::storenode {
namespace {

// Far above real clusters; bounds what a peer can make a node keep.
constexpr int kMembersMax = 10'000;
constexpr size_t kRingsMax = 10'000;
// How often it is looked which records are out of retention; their spans are
// of whole hours.
constexpr int64_t kDropPeriodMs = 3'600'000;
// Each is fsynced, and queries wait: the rest goes with the next calls.
constexpr int kDropsMax = 20;
// Its value: the retention in milliseconds, as text.
constexpr std::string_view kRetentionStateKey = "retention";

MissedSpan SpanOf(const proto::Missed& missed) {
  MissedSpan span{.owner = missed.owner(),
                  .span = {missed.start_ms(), missed.end_ms()}};
  if (span.owner == 0) {
    span.ring = missed.ring();
    span.levels_above = missed.levels_above();
  }
  return span;
}

// None of a record without a log: its holder means nothing then.
repair::HintLogName HintsOf(const proto::Missed& missed) {
  if (missed.hint_log() == 0) return {};
  return {.holder = missed.hint_holder(),
          .owner = missed.owner(),
          .log = missed.hint_log()};
}

uint64_t RandomMark() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

// Not of a record without slots, which is about all.
bool AreWithin(const proto::Missed& record, const model::SlotSet& slots) {
  const auto missed = SlotsOf(record);
  return missed.ok() && !missed->empty() && slots.HasAll(*missed);
}

bool IsWithin(const proto::Missed& record,
              const proto::ComparedRequest& request,
              const model::SlotSet& slots) {
  return record.owner() == request.owner() &&
         record.start_ms() >= request.start_ms() &&
         record.end_ms() <= request.end_ms() && AreWithin(record, slots);
}

}  // namespace

KeptState::KeptState(storage::Engine* engine, const base::Clock* clock)
    : engine_(engine),
      ring_coverage_(engine, clock),
      first_mark_(RandomMark()) {}

template <typename Message>
absl::StatusOr<Message> KeptState::Kept(const std::string& key) const {
  ASSIGN_OR_RETURN(const auto kept, engine_->ListState(key));
  Message message;
  for (const auto& [name, value] : kept) {
    if (name != key) continue;
    if (!message.ParseFromString(value)) {
      return base::DataLoss("kept state ", key, " cannot be read");
    }
  }
  return message;
}

absl::Status KeptState::PutRing(const proto::Ring& ring) {
  if (ring.ring_id() == 0 || ring.members().empty() ||
      ring.members_size() > kMembersMax) {
    return base::InvalidArgument("ring ", ring.ring_id(), " with ",
                                 ring.members_size(), " members");
  }
  base::MutexLock lock(mutex_);
  return JoinRing(ring);
}

absl::Status KeptState::JoinRing(const proto::Ring& ring) {
  const std::string key =
      base::StrCat(storage::kRingStatePrefix,
                   absl::StrFormat("%016x", ring.ring_id()));
  ASSIGN_OR_RETURN(const proto::Ring kept, Kept<proto::Ring>(key));
  proto::Ring put = ring;
  if (kept.ring_id() != 0) {
    put.set_first_ms(std::min(put.first_ms(), kept.first_ms()));
    put.set_last_ms(std::max(put.last_ms(), kept.last_ms()));
  } else {
    ASSIGN_OR_RETURN(const auto rings,
                     engine_->ListState(storage::kRingStatePrefix));
    if (rings.size() >= kRingsMax) {
      return base::ResourceExhausted("over ", kRingsMax, " rings are kept");
    }
  }
  RETURN_IF_ERROR(engine_->PutState(key, put.SerializeAsString()));
  known_ring_ = ring.ring_id();
  ring_coverage_.RingsChanged();
  return absl::OkStatus();
}

absl::Status KeptState::NoteRing(uint64_t ring_id) {
  RETURN_IF_ERROR(KeepRing(ring_id));
  return ring_coverage_.NoteRows(ring_id);
}

absl::Status KeptState::KeepRing(uint64_t ring_id) {
  if (ring_id == known_ring_.load(std::memory_order_relaxed)) {
    return absl::OkStatus();
  }
  base::MutexLock lock(mutex_);
  const std::string key = base::StrCat(storage::kRingStatePrefix,
                                       absl::StrFormat("%016x", ring_id));
  ASSIGN_OR_RETURN(const proto::Ring kept, Kept<proto::Ring>(key));
  if (kept.ring_id() == ring_id) {
    known_ring_ = ring_id;
    return absl::OkStatus();
  }
  proto::Ring unknown;
  unknown.set_ring_id(ring_id);
  return JoinRing(unknown);
}

absl::StatusOr<proto::RingList> KeptState::Rings() const {
  ASSIGN_OR_RETURN(std::vector<proto::Ring> rings,
                   repair::KeptRings(*engine_));
  proto::RingList list;
  for (proto::Ring& ring : rings) *list.add_rings() = std::move(ring);
  return list;
}

absl::Status KeptState::PutMissed(const proto::Missed& missed) {
  // Owner 0 is a node that nobody has heard yet: then the slots say something.
  ASSIGN_OR_RETURN(model::SlotSet slots, SlotsOf(missed));
  if ((missed.owner() == 0 && slots.empty()) ||
      missed.start_ms() > missed.end_ms()) {
    return base::InvalidArgument("MISSED for node ", missed.owner(), " with ",
                                 slots.Count(), " slots");
  }
  std::string key = base::StrCat(
      storage::kMissedStatePrefix,
      absl::StrFormat("%016x/%016x/%d-%d", missed.owner(), missed.ring(),
                      missed.start_ms(), missed.end_ms()));
  const repair::HintLogName hints = HintsOf(missed);
  if (hints.log != 0) {
    base::StrAppend(&key, absl::StrFormat("/%016x-%016x", hints.holder,
                                          hints.log));
  }
  base::MutexLock lock(mutex_);
  put_after_[key] = marks_given_;
  ASSIGN_OR_RETURN(const proto::Missed kept, Kept<proto::Missed>(key));
  ASSIGN_OR_RETURN(const model::SlotSet before, SlotsOf(kept));
  slots.AddAll(before);
  proto::Missed put = missed;
  SetKeptSlots(put, slots);
  if (!before.empty() || kept.owner() != 0) {
    put.set_keeper(JoinedKeeper(kept, missed));
  }
  RETURN_IF_ERROR(LoadMissed());
  // Told even if putting fails: rather one span too many.
  missed_.insert({SpanOf(missed), hints});
  return engine_->PutState(key, put.SerializeAsString());
}

absl::Status KeptState::NoteRetention(int64_t retention_ms, int64_t now_ms) {
  retention_ms_ = retention_ms;
  ASSIGN_OR_RETURN(const auto kept, engine_->ListState(kRetentionStateKey));
  const std::string value = base::StrCat(retention_ms);
  for (const auto& [key, before] : kept) {
    if (key != kRetentionStateKey) continue;
    if (before == value) return absl::OkStatus();
    int64_t before_ms = 0;
    // What cannot be read may have been short.
    if (!absl::SimpleAtoi(before, &before_ms)) before_ms = 0;
    // It may have run until now.
    if (before_ms >= retention_ms || before_ms >= now_ms) continue;
    proto::Missed missed;
    missed.set_owner(engine_->node_id());
    missed.set_end_ms(now_ms - before_ms);
    RETURN_IF_ERROR(PutMissed(missed));
  }
  return engine_->PutState(kRetentionStateKey, value);
}

absl::Status KeptState::LoadMissed() const {
  if (missed_loaded_) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<proto::Missed> records, Missed());
  for (const proto::Missed& one : records) {
    missed_.insert({SpanOf(one), HintsOf(one)});
  }
  missed_loaded_ = true;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<MissedSpan>> KeptState::MissedIn(
    const model::TimeRange& range) const {
  base::MutexLock lock(mutex_);
  RETURN_IF_ERROR(LoadMissed());
  std::vector<MissedSpan> out;
  for (const Entry& one : missed_) {
    // Those of several hint logs are neighbours.
    const bool told = !out.empty() && out.back() == one.missed;
    if (!told && one.missed.span.Overlaps(range)) out.push_back(one.missed);
  }
  return out;
}

absl::StatusOr<int64_t> KeptState::MissedCount() const {
  base::MutexLock lock(mutex_);
  RETURN_IF_ERROR(LoadMissed());
  return static_cast<int64_t>(missed_.size());
}

absl::StatusOr<std::vector<repair::HintLogName>> KeptState::HintLogs() const {
  base::MutexLock lock(mutex_);
  RETURN_IF_ERROR(LoadMissed());
  std::set<repair::HintLogName> logs;
  for (const Entry& one : missed_) {
    if (one.hints.log != 0) logs.insert(one.hints);
  }
  return std::vector<repair::HintLogName>(logs.begin(), logs.end());
}

absl::StatusOr<int64_t> KeptState::StrikeIf(const Wanted& wanted) {
  base::MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const auto kept,
                   engine_->ListState(storage::kMissedStatePrefix));
  RETURN_IF_ERROR(LoadMissed());
  std::set<Entry> struck;
  std::set<Entry> left;  // records of several rings may have one entry
  for (const auto& [key, value] : kept) {
    proto::Missed record;
    if (!record.ParseFromString(value)) continue;
    const bool strikes = wanted(key, record);
    (strikes ? struck : left).insert({SpanOf(record), HintsOf(record)});
    if (!strikes) continue;
    RETURN_IF_ERROR(engine_->DropState(key));
    put_after_.erase(key);
  }
  int64_t count = 0;
  for (const Entry& one : struck) {
    if (left.count(one) == 0) count += static_cast<int64_t>(missed_.erase(one));
  }
  return count;
}

absl::Status KeptState::Strike(const repair::HintLogName& log) {
  return StrikeIf([&log](const std::string&, const proto::Missed& record) {
           return HintsOf(record) == log;
         })
      .status();
}

absl::StatusOr<int64_t> KeptState::StrikeOwner(uint64_t owner) {
  return StrikeIf([owner](const std::string&, const proto::Missed& record) {
    return record.owner() == owner;
  });
}

absl::StatusOr<int64_t> KeptState::RecordsOf(uint64_t owner) {
  RETURN_IF_ERROR(LoadMissed());
  return std::ranges::count_if(missed_, [owner](const Entry& one) {
    return one.missed.owner == owner;
  });
}

absl::StatusOr<proto::ComparedResponse> KeptState::Compared(
    const proto::ComparedRequest& request) {
  if (request.owner() == 0) return base::InvalidArgument("COMPARED of nobody");
  if (request.mark() != 0) RETURN_IF_ERROR(StrikeCompared(request));
  base::MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const int64_t records, RecordsOf(request.owner()));
  // Each mark has insert nodes put records again.
  if (request.mark() == 0 && (request.anew() || records > 0)) ++marks_given_;
  proto::ComparedResponse response;
  response.set_mark(newest_mark());
  response.set_records(records);
  return response;
}

// Why that is safe: docs/formats/wire.md, COMPARED.
absl::Status KeptState::StrikeCompared(const proto::ComparedRequest& request) {
  const uint64_t mark = request.mark() - first_mark_;
  if (mark > marks_given_) {
    return base::FailedPrecondition("a mark of another start of this node");
  }
  const auto slots = model::SlotSet::FromBytes(request.slots());
  if (!slots) {
    return base::InvalidArgument("COMPARED with slots of ",
                                 request.slots().size(), " bytes");
  }
  const auto is_settled = [&](const std::string& key,
                              const proto::Missed& record)
                              REQUIRES_LOCK(mutex_) {
    const auto put = put_after_.find(key);
    return IsWithin(record, request, *slots) && IsMadeUp(record, request) &&
           (put == put_after_.end() ? 0 : put->second) < mark;
  };
  ASSIGN_OR_RETURN(const int64_t struck, StrikeIf(is_settled));
  if (struck == 0) return absl::OkStatus();
  base::LogInfo("node ", absl::Hex(request.owner(), absl::kZeroPad16),
                " has compared its copies: ", struck,
                " MISSED records of it are struck out");
  return absl::OkStatus();
}

bool KeptState::IsMadeUp(const proto::Missed& record,
                         const proto::ComparedRequest& request) const {
  if (record.keeper() == proto::Missed::ROWS) return true;
  if (record.keeper() != proto::Missed::HINTS ||
      std::ranges::count(request.rings(), record.ring()) == 0) {
    return false;
  }
  // The hints here are not replayed yet: their end strikes it out.
  return record.hint_holder() != engine_->node_id() ||
         engine_->hints().StateOf(record.owner(), record.hint_log()) !=
             storage::HintState::kPending;
}

absl::Status KeptState::DropOld(int64_t now_ms) {
  const int64_t retention_ms = retention_ms_.load();
  if (retention_ms > now_ms) return absl::OkStatus();
  const auto is_old = [from_ms = now_ms - retention_ms](
                          const model::TimeRange& span) {
    return span.end_ms < from_ms;
  };
  base::MutexLock lock(mutex_);
  if (now_ms < drop_due_ms_) return absl::OkStatus();
  RETURN_IF_ERROR(LoadMissed());
  const auto old_entry = [&](const Entry& one) {
    return is_old(one.missed.span);
  };
  if (std::none_of(missed_.begin(), missed_.end(), old_entry)) {
    drop_due_ms_ = now_ms + kDropPeriodMs;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const auto kept,
                   engine_->ListState(storage::kMissedStatePrefix));
  int dropped = 0;
  for (const auto& [key, value] : kept) {
    proto::Missed record;
    if (!record.ParseFromString(value) || !is_old(SpanOf(record).span)) {
      continue;
    }
    if (dropped++ == kDropsMax) return absl::OkStatus();
    RETURN_IF_ERROR(engine_->DropState(key));
    put_after_.erase(key);
  }
  std::erase_if(missed_, old_entry);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<proto::Missed>> KeptState::Missed() const {
  ASSIGN_OR_RETURN(const auto kept,
                   engine_->ListState(storage::kMissedStatePrefix));
  std::vector<proto::Missed> out;
  for (const auto& [key, value] : kept) {
    if (!out.emplace_back().ParseFromString(value)) {
      return base::DataLoss("kept state ", key, " cannot be read");
    }
  }
  return out;
}

}  // namespace varve::storenode
