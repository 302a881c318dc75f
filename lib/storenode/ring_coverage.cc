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

// Its value: when the last whole comparison began, in milliseconds, as text.
constexpr std::string_view kComparedStateKey = "compared";

// Below what a write waits for a node that hangs, before it goes on without it.
constexpr int64_t kStandstillMs = 1'500;

}  // namespace

RingCoverage::RingCoverage(storage::Engine* engine, const base::Clock* clock)
    : engine_(engine), clock_(clock) {
  const auto rings = engine_->ListState(storage::kRingStatePrefix);
  is_new_ = rings.ok() && rings->empty();
}

absl::Status RingCoverage::NoteCompared(int64_t began_ms) {
  base::MutexLock lock(mutex_);
  RETURN_IF_ERROR(Refresh());
  // Of interest only where something is to be made up for.
  if (made_up_) return absl::OkStatus();
  RETURN_IF_ERROR(
      engine_->PutState(kComparedStateKey, base::StrCat(began_ms)));
  compared_ms_ = began_ms;
  made_up_ = repair::MadeUp(lost_, compared_ms_);
  return absl::OkStatus();
}

absl::Status RingCoverage::Tell(const model::TimeRange& range,
                                proto::Coverage& coverage) {
  base::MutexLock lock(mutex_);
  RETURN_IF_ERROR(Refresh());
  if (newest_.members().empty()) return absl::OkStatus();
  *coverage.mutable_newest_ring() = newest_;
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
                             std::vector<model::TimeRange> lacked) {
  base::MutexLock lock(mutex_);
  heard_[node_id] = std::move(lacked);
}

absl::StatusOr<int64_t> RingCoverage::DoubtsCount() {
  constexpr model::TimeRange kAllTime{std::numeric_limits<int64_t>::min(),
                                      std::numeric_limits<int64_t>::max()};
  base::MutexLock lock(mutex_);
  RETURN_IF_ERROR(Refresh());
  const std::vector<uint64_t> others = OthersNow();
  const int64_t doubted =
      std::count_if(others.begin(), others.end(),
                    [&](uint64_t id) { return IsDoubted(id, kAllTime); });
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
      heard->second.begin(), heard->second.end(),
      [&range](const model::TimeRange& one) { return one.Overlaps(range); });
}

absl::Status RingCoverage::Load() {
  if (loaded_) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto kept, engine_->ListState(kComparedStateKey));
  for (const auto& [key, value] : kept) {
    // What cannot be read is as if there had been none.
    if (key == kComparedStateKey) (void)absl::SimpleAtoi(value, &compared_ms_);
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
  if (const auto sorted = repair::NewestFirst(*rings); !sorted.empty()) {
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
  return absl::OkStatus();
}

}  // namespace varve::storenode
