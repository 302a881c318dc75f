#include "lib/repair/digest_difference.h"

#include <algorithm>
#include <map>
#include <utility>

namespace varve::repair {
namespace {

constexpr uint64_t kHistogramWeight = 16;

using Cell = std::pair<uint8_t, uint16_t>;  // hour, part

// What both sides of a pull hold of it in memory.
uint64_t SamplesOf(const DigestUnit& unit) {
  const auto of = [](const DigestTotals& totals) {
    return totals[static_cast<size_t>(DigestKind::kFloats)].count +
           kHistogramWeight *
               totals[static_cast<size_t>(DigestKind::kHistograms)].count;
  };
  return std::max(of(unit.own), of(unit.theirs));
}

bool IsUnlike(const DigestUnit& unit) {
  for (size_t kind = 0; kind < kDigestKinds; ++kind) {
    if (unit.theirs[kind].count > 0 && unit.theirs[kind] != unit.own[kind]) {
      return true;
    }
  }
  return false;
}

// Units of several hours, of the same parts in each.
class Divider {
 public:
  explicit Divider(uint64_t samples_max) : samples_max_(samples_max) {}

  // `hours` are neighbours, each by part.
  void Divide(std::vector<std::vector<const DigestUnit*>> hours) {
    uint64_t samples = 0;
    for (const auto& hour : hours) {
      for (const DigestUnit* unit : hour) samples += SamplesOf(*unit);
    }
    const size_t parts = hours.front().size();
    if (samples <= samples_max_ || (parts == 1 && hours.size() == 1)) {
      return Take(hours);
    }
    std::vector<std::vector<const DigestUnit*>> rest;
    if (parts > 1) {
      for (auto& hour : hours) {
        const auto middle = hour.begin() + static_cast<int64_t>(parts / 2);
        rest.emplace_back(middle, hour.end());
        hour.erase(middle, hour.end());
      }
    } else {
      const auto middle =
          hours.begin() + static_cast<int64_t>(hours.size() / 2);
      rest.assign(middle, hours.end());
      hours.erase(middle, hours.end());
    }
    Divide(std::move(hours));
    Divide(std::move(rest));
  }

  std::vector<UnitBatch> batches() && { return std::move(batches_); }

 private:
  void Take(const std::vector<std::vector<const DigestUnit*>>& hours) {
    UnitBatch batch;
    batch.first_hour = hours.front().front()->hour;
    batch.last_hour = hours.back().front()->hour;
    for (const DigestUnit* unit : hours.front()) {
      batch.parts.push_back(unit->part);
    }
    for (const auto& hour : hours) {
      batch.units.insert(batch.units.end(), hour.begin(), hour.end());
    }
    batches_.push_back(std::move(batch));
  }

  const uint64_t samples_max_;
  std::vector<UnitBatch> batches_;
};

bool SameParts(const std::vector<const DigestUnit*>& a,
               const std::vector<const DigestUnit*>& b) {
  return std::ranges::equal(a, b, {}, &DigestUnit::part, &DigestUnit::part);
}

}  // namespace

void AppendRows(const proto::DigestResponse& message,
                std::vector<DigestRow>& rows) {
  for (int i = 0; i < message.counts_size(); ++i) {
    // Of a later release, or nonsense: nobody could pull it.
    if (message.kinds(i) >= kDigestKinds || message.hours(i) >= kHoursPerDay ||
        message.parts(i) >= kDigestParts) {
      continue;
    }
    rows.push_back(
        {.kind = static_cast<DigestKind>(message.kinds(i)),
         .hour = static_cast<uint8_t>(message.hours(i)),
         .part = static_cast<uint16_t>(message.parts(i)),
         .digest = {.count = message.counts(i),
                    .sum = {message.sums_high(i), message.sums_low(i)}}});
  }
}

std::vector<DigestUnit> UnlikeUnits(std::span<const DigestRow> own,
                                    std::span<const DigestRow> theirs) {
  std::map<Cell, DigestUnit> units;
  for (const DigestRow& row : theirs) {
    DigestUnit& unit = units[{row.hour, row.part}];
    unit.hour = row.hour;
    unit.part = row.part;
    unit.theirs[static_cast<size_t>(row.kind)].Add(row.digest);
  }
  for (const DigestRow& row : own) {
    const auto unit = units.find({row.hour, row.part});
    if (unit == units.end()) continue;
    unit->second.own[static_cast<size_t>(row.kind)].Add(row.digest);
  }
  std::vector<DigestUnit> unlike;
  for (const auto& [cell, unit] : units) {
    if (IsUnlike(unit)) unlike.push_back(unit);
  }
  return unlike;
}

std::vector<UnitBatch> BatchesOf(std::span<const DigestUnit> units,
                                 uint64_t samples_max) {
  Divider divider(samples_max);
  std::vector<std::vector<const DigestUnit*>> run;
  for (size_t i = 0; i < units.size();) {
    std::vector<const DigestUnit*> hour;
    for (const uint8_t of = units[i].hour;
         i < units.size() && units[i].hour == of; ++i) {
      hour.push_back(&units[i]);
    }
    const bool goes_on =
        !run.empty() && run.back().front()->hour + 1 == hour.front()->hour &&
        SameParts(run.back(), hour);
    if (!run.empty() && !goes_on) divider.Divide(std::exchange(run, {}));
    run.push_back(std::move(hour));
  }
  if (!run.empty()) divider.Divide(std::move(run));
  return std::move(divider).batches();
}

}  // namespace varve::repair
