#include "lib/repair/sample_digest.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <string_view>

#include "lib/base/byte_coding.h"
#include "lib/model/histogram.h"

namespace varve::repair {
namespace {

struct HashedRow {
  uint64_t series_high;
  uint64_t series_low;
  int64_t timestamp_ms;
  uint64_t value;
};
static_assert(sizeof(HashedRow) == 32);

base::Hash128 HashOf(const HashedRow& row) {
  return base::Hash128Of(
      std::string_view(reinterpret_cast<const char*>(&row), sizeof(row)));
}

}  // namespace

DigestBuilder::DigestBuilder(int32_t day) : start_ms_(day * model::kDayMs) {}

SampleDigest& DigestBuilder::CellOf(DigestKind kind, size_t hour,
                                    uint16_t part) {
  std::vector<SampleDigest>& cells = cells_[static_cast<size_t>(kind)];
  if (cells.empty()) cells.resize(kHoursPerDay * kDigestParts);
  return cells[hour * kDigestParts + part];
}

template <typename Each>
void DigestBuilder::ForEachSample(DigestKind kind, uint16_t part,
                                  std::span<const int64_t> timestamps_ms,
                                  Each each) {
  size_t i = 0;
  while (i < timestamps_ms.size()) {
    assert(start_ms_ <= timestamps_ms[i] &&
           timestamps_ms[i] < start_ms_ + model::kDayMs);
    const auto hour =
        static_cast<size_t>((timestamps_ms[i] - start_ms_) / kHourMs);
    const int64_t end_ms =
        start_ms_ + (static_cast<int64_t>(hour) + 1) * kHourMs;
    // A copy, which stays in registers.
    SampleDigest cell = CellOf(kind, hour, part);
    for (; i < timestamps_ms.size() && timestamps_ms[i] < end_ms; ++i) {
      each(cell, i);
    }
    CellOf(kind, hour, part) = cell;
  }
}

void DigestBuilder::Add(const storage::SearchSeries& series) {
  const model::SeriesHash& hash = series.hash;
  const auto part =
      static_cast<uint16_t>(model::SlotOf(hash) / kSlotsPerDigestPart);
  const model::SampleColumns& samples = series.samples;
  ForEachSample(DigestKind::kFloats, part, samples.timestamps_ms,
                [&](SampleDigest& cell, size_t i) {
                  cell.Add(HashOf({hash.high, hash.low,
                                   samples.timestamps_ms[i],
                                   std::bit_cast<uint64_t>(
                                       samples.values[i])}));
                });
  const model::HistogramColumns& histograms = series.histograms;
  ForEachSample(DigestKind::kHistograms, part, histograms.timestamps_ms,
                [&](SampleDigest& cell, size_t i) {
                  bytes_.clear();
                  base::PutFixedLe<uint64_t>(bytes_, hash.high);
                  base::PutFixedLe<uint64_t>(bytes_, hash.low);
                  base::PutFixedLe<int64_t>(bytes_,
                                            histograms.timestamps_ms[i]);
                  model::AppendHistogramBytes(bytes_,
                                              histograms.histograms[i]);
                  cell.Add(base::Hash128Of(bytes_));
                });
  if (series.starts.empty()) return;
  AddStarts(hash, series.starts, samples.timestamps_ms);
  AddStarts(hash, series.starts, histograms.timestamps_ms);
}

void DigestBuilder::AddStarts(const model::SeriesHash& hash,
                              const model::StartRuns& starts,
                              std::span<const int64_t> timestamps_ms) {
  const auto part =
      static_cast<uint16_t>(model::SlotOf(hash) / kSlotsPerDigestPart);
  auto run = starts.begin();
  ForEachSample(DigestKind::kStarts, part, timestamps_ms,
                [&](SampleDigest& cell, size_t i) {
                  const int64_t at_ms = timestamps_ms[i];
                  while (run != starts.end() && run->last_ms < at_ms) ++run;
                  if (run == starts.end() || run->first_ms > at_ms) return;
                  cell.Add(HashOf({hash.high, hash.low, at_ms,
                                   static_cast<uint64_t>(run->start_ms)}));
                });
}

std::vector<DigestRow> DigestBuilder::Finish() const {
  std::vector<DigestRow> rows;
  for (size_t kind = 0; kind < kDigestKinds; ++kind) {
    const std::vector<SampleDigest>& cells = cells_[kind];
    for (size_t i = 0; i < cells.size(); ++i) {
      if (cells[i].count == 0) continue;
      rows.push_back({static_cast<DigestKind>(kind),
                      static_cast<uint8_t>(i / kDigestParts),
                      static_cast<uint16_t>(i % kDigestParts), cells[i]});
    }
  }
  rows.shrink_to_fit();
  return rows;
}

DigestTotals TotalsOf(std::span<const DigestRow> rows) {
  DigestTotals totals;
  for (const DigestRow& row : rows) {
    totals[static_cast<size_t>(row.kind)].Add(row.digest);
  }
  return totals;
}

}  // namespace varve::repair
