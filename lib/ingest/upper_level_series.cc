#include "lib/ingest/upper_level_series.h"

#include <utility>

#include "lib/base/status.h"

namespace varve::ingest {
namespace {

constexpr int64_t kPeriodMs = 600'000;
// What a series costs beside its labels, in both maps, half of them free.
constexpr int64_t kSeriesBytes = 256;

}  // namespace

UpperLevelSeries::UpperLevelSeries(int64_t bytes_max, const base::Clock& clock)
    : bytes_max_(bytes_max), clock_(clock) {}

int64_t UpperLevelSeries::BytesOf(const Series& series) {
  return kSeriesBytes + static_cast<int64_t>(series.labels.size());
}

int64_t UpperLevelSeries::Period() const {
  return clock_.SteadyMs() / kPeriodMs;
}

void UpperLevelSeries::Sweep(int64_t period, int64_t periods) {
  absl::erase_if(by_ref_, [&](const auto& entry) NO_THREAD_SAFETY_ANALYSIS {
    const Series& series = entry.second;
    if (period - series.period < periods) return false;
    bytes_ -= BytesOf(series);
    by_hash_.erase(series.hash);
    return true;
  });
}

absl::Status UpperLevelSeries::MakeRoom(int64_t period) {
  if (bytes_ < bytes_max_) return absl::OkStatus();
  // Not at each definition: it is a walk over all.
  if (swept_period_ != period) {
    swept_period_ = period;
    constexpr int64_t kHour = 6;
    constexpr int64_t kLeast = 2;
    for (const int64_t periods : {kHour, kLeast}) {
      Sweep(period, periods);
      if (bytes_ < bytes_max_ / 8 * 7) return absl::OkStatus();
    }
  }
  if (bytes_ < bytes_max_) return absl::OkStatus();
  return base::ResourceExhausted(
      "the ", by_ref_.size(), " series that insert nodes of the level above "
      "write take all of ", bytes_max_, " bytes, an eighth of the memory that "
      "-memory.allowedPercent allows");
}

UpperLevelSeries::Defined UpperLevelSeries::DefineOne(const Definition& one,
                                                      int64_t period) {
  const model::SeriesHash hash = model::HashSeries(one.tenant, one.labels);
  const auto [known, is_new] = by_hash_.try_emplace(hash, last_ref_ + 1);
  if (!is_new) {
    Series& series = by_ref_.find(known->second)->second;
    if (series.tenant != one.tenant || series.labels != one.labels) {
      return {.refused = model::Refusal::kHashCollision};
    }
    series.period = period;
    return {.ref = known->second};
  }
  ++last_ref_;
  const auto added = by_ref_.try_emplace(
      last_ref_, Series{.tenant = one.tenant,
                        .hash = hash,
                        .labels = std::string(one.labels),
                        .period = period});
  bytes_ += BytesOf(added.first->second);
  return {.ref = last_ref_};
}

absl::Status UpperLevelSeries::Define(std::span<const Definition> series,
                                      std::vector<Defined>& defined) {
  defined.clear();
  const int64_t period = Period();
  for (const Definition& one : series) {
    const absl::StatusOr<model::LabelSet> labels =
        model::ParseCanonicalBytes(one.labels);
    if (!labels.ok() || labels->empty()) {
      defined.push_back({.refused = model::Refusal::kInvalidLabels});
      continue;
    }
    base::MutexLock lock(mutex_);
    RETURN_IF_ERROR(MakeRoom(period));
    defined.push_back(DefineOne(one, period));
  }
  return absl::OkStatus();
}

bool UpperLevelSeries::LabelsOf(const model::TenantId& tenant,
                                std::span<const uint64_t> refs,
                                protocol::Arena& arena,
                                std::vector<std::string_view>& labels) {
  labels.clear();
  labels.reserve(refs.size());
  const int64_t period = Period();
  base::MutexLock lock(mutex_);
  for (const uint64_t ref : refs) {
    const auto found = by_ref_.find(ref);
    if (found == by_ref_.end() || found->second.tenant != tenant) return false;
    found->second.period = period;
    labels.push_back(arena.Copy(found->second.labels));
  }
  return true;
}

int64_t UpperLevelSeries::size() const {
  base::MutexLock lock(mutex_);
  return static_cast<int64_t>(by_ref_.size());
}

int64_t UpperLevelSeries::bytes() const {
  base::MutexLock lock(mutex_);
  return bytes_;
}

}  // namespace varve::ingest
