#include "lib/storenode/ring_coverage.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "lib/base/status.h"
#include "lib/repair/kept_rings.h"

namespace varve::storenode {
namespace {

// Its value: when the last whole comparison began and from when on it was
// whole, in milliseconds, as text. No version changes with it: it makes no plan
// wrong, and results that are cached by the version stay.
constexpr std::string_view kComparedKey = "compared";
// Its value: the newest ring's id, and until when rows by others came, likewise.
// Below storage::kCoverageStatePrefix: it changes the coverage's version.
constexpr std::string_view kOtherRowsKey = "coverage/other_rows";
// Likewise, of rows that come on: it does not change the coverage.
constexpr std::string_view kOtherRowsOnKey = "other_rows_on";
// While rows by another ring come they are noted so far ahead: each note is
// fsynced.
constexpr int64_t kAheadMs = 30'000;
// So soon after what was noted before nobody can be whole by that (kUnderWayMs),
// and no plan needs to end.
constexpr int64_t kComeOnMs = 10'000;

// Two numbers as StrCat(a, " ", b) gives them; false for anything else.
template <typename A>
bool ReadTwo(std::string_view text, A& first, int64_t& second) {
  const size_t space = text.find(' ');
  A a = 0;
  int64_t b = 0;
  if (space == std::string_view::npos ||
      !absl::SimpleAtoi(base::ToAbsl(text.substr(0, space)), &a) ||
      !absl::SimpleAtoi(base::ToAbsl(text.substr(space + 1)), &b)) {
    return false;
  }
  first = a;
  second = b;
  return true;
}

// Below what a write waits for a node that hangs, before it goes on without it.
constexpr int64_t kStandstillMs = 1'500;

}  // namespace

RingCoverage::RingCoverage(storage::Engine* engine, const base::Clock* clock)
    : engine_(engine), clock_(clock) {
  const auto rings = engine_->ListState(storage::kRingStatePrefix);
  is_new_ = rings.ok() && rings->empty();
}

absl::Status RingCoverage::NoteCompared(int64_t began_ms, int64_t from_ms) {
  base::MutexLock lock(mutex_);
  RETURN_IF_ERROR(Refresh());
  RETURN_IF_ERROR(engine_->PutState(kComparedKey,
                                    base::StrCat(began_ms, " ", from_ms)));
  compared_ms_ = began_ms;
  compared_from_ms_ = from_ms;
  made_up_ = repair::MadeUp(lost_, compared_ms_);
  return absl::OkStatus();
}

absl::Status RingCoverage::NoteRows(uint64_t ring_id) {
  const auto is_known = [&] {
    return ring_id == newest_id_.load() ||
           clock_->NowMs() < other_rows_ms_.load();
  };
  if (!changed_.load() && is_known()) return absl::OkStatus();
  base::MutexLock lock(mutex_);
  RETURN_IF_ERROR(Refresh());
  return is_known() ? absl::OkStatus() : NoteOther(clock_->NowMs() + kAheadMs);
}

absl::Status RingCoverage::NoteForeign() {
  base::MutexLock lock(mutex_);
  RETURN_IF_ERROR(Refresh());
  return NoteOther(std::max(clock_->NowMs(), other_rows_ms_.load()));
}

absl::Status RingCoverage::NoteOther(int64_t until_ms) {
  const bool come_on = noted_id_ == newest_id_ && other_rows_ms_ > 0 &&
                       clock_->NowMs() < other_rows_ms_ + kComeOnMs;
  RETURN_IF_ERROR(
      engine_->PutState(come_on ? kOtherRowsOnKey : kOtherRowsKey,
                        base::StrCat(newest_id_.load(), " ", until_ms)));
  noted_id_ = newest_id_;
  other_rows_ms_ = until_ms;
  return absl::OkStatus();
}

absl::Status RingCoverage::Tell(const model::TimeRange& range,
                                proto::Coverage& coverage) {
  base::MutexLock lock(mutex_);
  RETURN_IF_ERROR(Refresh());
  if (newest_.members().empty()) return absl::OkStatus();
  *coverage.mutable_newest_ring() = newest_;
  coverage.set_other_rows_ms(other_rows_ms_);
  if (compared_ms_ > 0) {
    coverage.set_whole_at_ms(compared_ms_ - repair::kUnderWayMs);
    coverage.set_whole_from_ms(compared_from_ms_);
  }
  if (!made_up_) {
    coverage.mutable_lacks_without()->Assign(lost_.members.begin(),
                                             lost_.members.end());
  }
  for (const uint64_t id : OthersNow()) {
    if (IsDoubted(id, range)) coverage.add_lacks_without(id);
  }
  return absl::OkStatus();
}

std::set<uint64_t> RingCoverage::Others() {
  base::MutexLock lock(mutex_);
  if (!Refresh().ok()) return {};
  const std::vector<uint64_t> others = OthersNow();
  return {others.begin(), others.end()};
}

bool RingCoverage::NoteListening() {
  base::MutexLock lock(mutex_);
  const bool listened = Listens();
  if (!listened) {
    heard_.clear();
    is_new_ = false;
  }
  listened_ = {.steady_ms = clock_->SteadyMs(), .now_ms = clock_->NowMs()};
  return listened;
}

bool RingCoverage::Listens() const {
  return !listened_ ||
         (clock_->SteadyMs() - listened_->steady_ms < kStandstillMs &&
          std::abs(clock_->NowMs() - listened_->now_ms) < kStandstillMs);
}

void RingCoverage::NoteHeard(uint64_t node_id,
                             std::vector<model::TimeRange> lacked,
                             int64_t other_rows_ms) {
  base::MutexLock lock(mutex_);
  heard_[node_id] = {std::move(lacked), other_rows_ms};
}

absl::StatusOr<int64_t> RingCoverage::DoubtsCount() {
  constexpr model::TimeRange kAllTime{std::numeric_limits<int64_t>::min(),
                                      std::numeric_limits<int64_t>::max()};
  base::MutexLock lock(mutex_);
  RETURN_IF_ERROR(Refresh());
  const std::vector<uint64_t> others = OthersNow();
  const int64_t doubted =
      std::count_if(others.begin(), others.end(),
                    [&](uint64_t id) REQUIRES_LOCK(mutex_) {
                      return IsDoubted(id, kAllTime);
                    });
  return doubted +
         (made_up_ ? 0 : static_cast<int64_t>(lost_.members.size()));
}

bool RingCoverage::AllHeard() {
  base::MutexLock lock(mutex_);
  if (!Refresh().ok()) return false;
  const std::vector<uint64_t> others = OthersNow();
  return is_new_ || std::all_of(others.begin(), others.end(),
                                [this](uint64_t id) REQUIRES_LOCK(mutex_) {
                                  return heard_.contains(id);
                                });
}

bool RingCoverage::LacksLost() {
  base::MutexLock lock(mutex_);
  return Refresh().ok() && !made_up_;
}

bool RingCoverage::ToCompare() {
  base::MutexLock lock(mutex_);
  if (!Refresh().ok() || OthersNow().empty()) return false;
  int64_t until_ms = other_rows_ms_;
  for (const auto& [id, said] : heard_) {
    until_ms = std::max(until_ms, said.other_rows_ms);
  }
  // While they come it has to be done once more.
  return compared_ms_ - repair::kUnderWayMs < until_ms &&
         until_ms <= clock_->NowMs();
}

std::vector<uint64_t> RingCoverage::OthersNow() const {
  std::vector<uint64_t> others(newest_.members().begin(),
                               newest_.members().end());
  // Of a ring without this node no rows are expected here.
  if (std::erase(others, engine_->node_id()) == 0) others.clear();
  return others;
}

bool RingCoverage::IsDoubted(uint64_t node_id,
                             const model::TimeRange& range) const {
  if (!Listens()) return true;
  const auto heard = heard_.find(node_id);
  if (heard == heard_.end()) return !is_new_;
  return std::any_of(
      heard->second.lacked.begin(), heard->second.lacked.end(),
      [&range](const model::TimeRange& one) { return one.Overlaps(range); });
}

absl::Status RingCoverage::Load() {
  if (loaded_) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto kept,
                   engine_->ListState(storage::kCoverageStatePrefix));
  for (const auto& [key, value] : kept) {
    // What cannot be read is as if there had been none.
    int64_t until_ms = 0;
    if (key == kOtherRowsKey && ReadTwo(value, noted_id_, until_ms)) {
      other_rows_ms_ = until_ms;
    }
  }
  ASSIGN_OR_RETURN(const auto compared, engine_->ListState(kComparedKey));
  for (const auto& [key, value] : compared) {
    if (key != kComparedKey) continue;
    (void)ReadTwo(value, compared_ms_, compared_from_ms_);
  }
  ASSIGN_OR_RETURN(const auto later, engine_->ListState(kOtherRowsOnKey));
  for (const auto& [key, value] : later) {
    uint64_t id = 0;
    int64_t until_ms = 0;
    if (!ReadTwo(value, id, until_ms)) continue;
    other_rows_ms_ = std::max(other_rows_ms_.load(), until_ms);
  }
  loaded_ = true;
  return absl::OkStatus();
}

absl::Status RingCoverage::Refresh() {
  RETURN_IF_ERROR(Load());
  if (!changed_.exchange(false)) return absl::OkStatus();
  const auto rings = repair::KeptRings(*engine_);
  if (!rings.ok()) {
    changed_ = true;
    return rings.status();
  }
  newest_.Clear();
  newest_id_ = 0;
  if (const auto sorted = repair::NewestFirst(*rings); !sorted.empty()) {
    newest_id_ = sorted[0]->ring_id();
    newest_.set_ring_id(newest_id_);
    newest_.set_last_ms(sorted[0]->last_ms());
    for (const proto::Ring::Member& one : sorted[0]->members()) {
      newest_.add_members(one.node_id());
    }
  }
  const std::vector<uint64_t> others = OthersNow();
  std::erase_if(heard_, [&others](const auto& one) {
    return std::find(others.begin(), others.end(), one.first) == others.end();
  });
  lost_ = repair::LostCopiesOf(engine_->node_id(), *rings);
  made_up_ = repair::MadeUp(lost_, compared_ms_);
  if (noted_id_ == newest_id_) return absl::OkStatus();
  // Until now rows came by another one that was the newest.
  if (const absl::Status noted =
          NoteOther(std::max(clock_->NowMs(), other_rows_ms_.load()));
      !noted.ok()) {
    changed_ = true;
    return noted;
  }
  return absl::OkStatus();
}

}  // namespace varve::storenode
