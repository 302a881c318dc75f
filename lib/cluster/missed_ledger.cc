#include "lib/cluster/missed_ledger.h"

#include <algorithm>

namespace varve::cluster {
namespace {

constexpr int64_t kHourMs = 3'600'000;
// Of one miss and keeper, 8 KiB each.
constexpr size_t kSpansMax = 48;

}  // namespace

model::TimeRange RoundToHours(const model::TimeRange& span) {
  const auto floor = [](int64_t ms) {
    const int64_t rest = ms % kHourMs;
    const int64_t down = rest < 0 ? rest + kHourMs : rest;
    return ms < INT64_MIN + down ? INT64_MIN : ms - down;
  };
  const int64_t last = floor(span.end_ms);
  return {floor(span.start_ms),
          last > INT64_MAX - kHourMs ? INT64_MAX : last + kHourMs - 1};
}

void MissedLedger::Enter(uint32_t liveness) {
  base::MutexLock lock(mutex_);
  if (liveness_ == liveness) return;
  liveness_ = liveness;
  Forget();
}

void MissedLedger::NoteMark(uint64_t node, uint64_t mark) {
  base::MutexLock lock(mutex_);
  uint64_t& known = marks_[node];  // 0 as of a release without
  if (known == mark) return;
  known = mark;
  Forget();
}

uint64_t MissedLedger::period() const {
  base::MutexLock lock(mutex_);
  return period_;
}

void MissedLedger::Forget() {
  ++period_;
  entries_.clear();
}

std::vector<uint32_t> MissedLedger::NotYet(const Miss& miss, uint64_t keeper,
                                           const std::vector<uint32_t>& slots,
                                           const model::TimeRange& span) const {
  base::MutexLock lock(mutex_);
  std::vector<uint32_t> missing = slots;
  const auto found = entries_.find({miss, keeper});
  if (found == entries_.end()) return missing;
  for (const Entry& entry : found->second) {
    if (span.start_ms < entry.span.start_ms || span.end_ms > entry.span.end_ms) {
      continue;
    }
    std::erase_if(missing, [&entry](uint32_t slot) {
      return entry.slots.Has(static_cast<uint16_t>(slot));
    });
  }
  return missing;
}

void MissedLedger::Add(uint64_t period, const Miss& miss, uint64_t keeper,
                       const std::vector<uint32_t>& slots,
                       const model::TimeRange& span) {
  base::MutexLock lock(mutex_);
  if (period != period_) return;
  std::deque<Entry>& entries = entries_[{miss, keeper}];
  auto entry = std::find_if(
      entries.begin(), entries.end(),
      [&span](const Entry& one) { return one.span == span; });
  if (entry == entries.end()) {
    if (entries.size() == kSpansMax) entries.pop_front();  // put again, if any
    entry = entries.insert(entries.end(), {.span = span, .slots = {}});
  }
  for (const uint32_t slot : slots) {
    entry->slots.Add(static_cast<uint16_t>(slot));
  }
}

}  // namespace varve::cluster
