#include "lib/repair/day_digests.h"

#include <limits>

#include "lib/base/hash.h"
#include "lib/base/status.h"

namespace varve::repair {
namespace {

// How long a digest is kept of what damage has made holes into.
constexpr int64_t kDamagedKeptMs = 3'600'000;

int64_t BytesOf(const SpanDigest& digest) {
  // Of an entry of the table and of the list, about.
  constexpr int64_t kEntryBytes = 200;
  return kEntryBytes +
         static_cast<int64_t>(digest.rows.capacity() * sizeof(DigestRow));
}

}  // namespace

model::TimeRange DigestSpan::range() const {
  const int64_t day_ms = day * model::kDayMs;
  if (hour == kWholeDay) return {day_ms, day_ms + model::kDayMs - 1};
  const int64_t start_ms = day_ms + hour * kHourMs;
  return {start_ms, start_ms + kHourMs - 1};
}

DayDigests::Key DayDigests::KeyOf(const DigestSubject& subject) {
  return {subject.tenant, subject.span.day, subject.span.hour,
          subject.slots == nullptr ? 0
                                   : base::Hash64Of(subject.slots->Bytes())};
}

DayDigests::State DayDigests::StateOf(const DigestSubject& subject) const {
  const model::TimeRange range = subject.span.range();
  const storage::History history = engine_.HistoryOf(subject.tenant, range);
  const bool over = range.end_ms <= history.settled.end_ms;
  State state;
  state.settled = over && history.settled.start_ms <= range.start_ms;
  state.version.changes = history.changes;
  if (!state.settled) {
    state.version.rules_day = model::DayOf(history.settled.end_ms);
  }
  // MISSED records and rings change Engine::coverage_version(), but nothing
  // here; of the rest, damage, MayLack tells.
  state.is_over = over;
  state.may_lack = engine_.MayLack(range);
  return state;
}

// A digest of before the damage was found has rows that are lost.
bool DayDigests::Holds(const Kept& kept, const State& state) const {
  return state.is_over && kept.version == state.version &&
         (!state.may_lack || kept.until_steady_ms != INT64_MAX) &&
         clock_.SteadyMs() < kept.until_steady_ms;
}

absl::StatusOr<std::shared_ptr<const SpanDigest>> DayDigests::Of(
    const DigestSubject& subject, const base::Alive* alive) {
  const Key key = KeyOf(subject);
  // Before the scan: what changes from now on, the next one may have to see.
  const State state = StateOf(subject);
  if (auto kept = Find(key, state)) return kept;
  ASSIGN_OR_RETURN(auto digest, Compute(subject, state.settled, alive));
  // A day without samples is found as quickly as a kept one.
  if (state.is_over && !digest->rows.empty()) Keep(key, state, digest);
  return digest;
}

absl::StatusOr<SpanTotals> DayDigests::TotalsOf(const DigestSubject& subject,
                                                const base::Alive* alive) {
  const State state = StateOf(subject);
  {
    base::MutexLock lock(mutex_);
    const auto kept = totals_.find(KeyOf(subject));
    if (kept != totals_.end() && Holds(kept->second, state)) {
      totals_asked_.splice(totals_asked_.end(), totals_asked_,
                           kept->second.asked);
      return kept->second.totals;
    }
  }
  ASSIGN_OR_RETURN(const auto digest, Of(subject, alive));
  return SpanTotals{.kinds = repair::TotalsOf(digest->rows),
                    .complete = digest->complete,
                    .settled = digest->settled};
}

absl::StatusOr<std::shared_ptr<const SpanDigest>> DayDigests::Compute(
    const DigestSubject& subject, bool settled, const base::Alive* alive) {
  ASSIGN_OR_RETURN(
      const std::unique_ptr<storage::SeriesCursor> cursor,
      engine_.Search({.tenant = subject.tenant,
                      .range = subject.span.range(),
                      // It holds one series at a time.
                      .series_max = std::numeric_limits<int64_t>::max(),
                      .slots = subject.slots,
                      .keep_all = true,
                      .starts = true,
                      .of_query = false,
                      .alive = alive}));
  DigestBuilder builder(subject.span.day);
  storage::SearchSeries series;
  int64_t samples = 0;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, cursor->Next(series));
    if (!more) break;
    builder.Add(series);
    samples += static_cast<int64_t>(series.samples.size() +
                                    series.histograms.size());
  }
  auto digest = std::make_shared<SpanDigest>();
  digest->rows = builder.Finish();
  digest->complete = cursor->complete();
  digest->settled = settled;
  base::MutexLock lock(mutex_);
  ++stats_.computed;
  stats_.samples += samples;
  return std::shared_ptr<const SpanDigest>(std::move(digest));
}

std::shared_ptr<const SpanDigest> DayDigests::Find(const Key& key,
                                                   const State& state) {
  base::MutexLock lock(mutex_);
  const auto found = kept_.find(key);
  if (found == kept_.end()) return nullptr;
  if (!Holds(found->second, state)) {
    Drop(key);
    return nullptr;
  }
  asked_.splice(asked_.end(), asked_, found->second.asked);
  return found->second.digest;
}

void DayDigests::Keep(const Key& key, const State& state,
                      std::shared_ptr<const SpanDigest> digest) {
  const int64_t bytes = BytesOf(*digest);
  KeptRows kept;
  kept.version = state.version;
  if (state.may_lack || !digest->complete) {
    kept.until_steady_ms = clock_.SteadyMs() + kDamagedKeptMs;
  }
  base::MutexLock lock(mutex_);
  KeepTotals(key, kept, *digest);
  if (bytes > kept_bytes_max_) return;
  Drop(key);
  kept.asked = asked_.insert(asked_.end(), key);
  kept.digest = std::move(digest);
  kept_[key] = std::move(kept);
  stats_.kept_bytes += bytes;
  while (stats_.kept_bytes > kept_bytes_max_) Drop(Key(asked_.front()));
  stats_.kept = static_cast<int64_t>(kept_.size());
}

void DayDigests::KeepTotals(const Key& key, const Kept& kept,
                            const SpanDigest& digest) {
  const auto found = totals_.find(key);
  if (found != totals_.end()) {
    totals_asked_.erase(found->second.asked);
    totals_.erase(found);
  }
  while (static_cast<int64_t>(totals_.size()) >= kept_totals_max_) {
    totals_.erase(totals_asked_.front());
    totals_asked_.pop_front();
  }
  KeptTotals totals{kept, {.kinds = repair::TotalsOf(digest.rows),
                           .complete = digest.complete,
                           .settled = digest.settled}};
  totals.asked = totals_asked_.insert(totals_asked_.end(), key);
  totals_[key] = std::move(totals);
  stats_.kept_totals = static_cast<int64_t>(totals_.size());
}

void DayDigests::Drop(const Key& key) {
  const auto found = kept_.find(key);
  if (found == kept_.end()) return;
  stats_.kept_bytes -= BytesOf(*found->second.digest);
  asked_.erase(found->second.asked);
  kept_.erase(found);
  stats_.kept = static_cast<int64_t>(kept_.size());
}

DayDigestStats DayDigests::Stats() const {
  base::MutexLock lock(mutex_);
  return stats_;
}

}  // namespace varve::repair
