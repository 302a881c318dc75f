// Digests of a day of samples: how many there are and the sum of their hashes,
// for each kind, hour and part of the slots. Two nodes that hold the same
// distinct samples have the same digests, in whatever order and how often the
// samples came.
//
//   hash of a float      xxh3-128 of { series hash, ms, bits of the value }
//   of a histogram       xxh3-128 of { series hash, ms, canonical bytes }
//   of a start timestamp xxh3-128 of { series hash, ms, start ms }: one for
//                        each sample that has a start
//
// Integers are little endian, of 8 bytes, a hash has its high half first, sums
// are mod 2^128. Exemplars have no digest: each node keeps only so many of a
// series, the last before its own flush.
//
// Threads: values; a builder belongs to one thread.
#ifndef VARVE_LIB_REPAIR_SAMPLE_DIGEST_H_
#define VARVE_LIB_REPAIR_SAMPLE_DIGEST_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/base/hash.h"
#include "lib/model/label.h"
#include "lib/model/start_run.h"
#include "lib/model/time_range.h"
#include "storage/engine/engine.h"

namespace varve::repair {

inline constexpr int64_t kHourMs = 3'600'000;
inline constexpr size_t kHoursPerDay = 24;
// Parts of the 65,536 slots; of 64 slots each.
inline constexpr size_t kDigestParts = 1024;
inline constexpr size_t kSlotsPerDigestPart = (1 << 16) / kDigestParts;

enum class DigestKind : uint8_t { kFloats = 0, kHistograms = 1, kStarts = 2 };
inline constexpr size_t kDigestKinds = 3;

struct SampleDigest {
  uint64_t count = 0;
  base::Hash128 sum;  // mod 2^128

  void Add(const base::Hash128& hash) {
    ++count;
    sum.low += hash.low;
    sum.high += hash.high + (sum.low < hash.low ? 1 : 0);
  }
  void Add(const SampleDigest& other) {
    count += other.count;
    sum.low += other.sum.low;
    sum.high += other.sum.high + (sum.low < other.sum.low ? 1 : 0);
  }
  friend bool operator==(const SampleDigest&, const SampleDigest&) = default;
};

struct DigestRow {
  DigestKind kind = DigestKind::kFloats;
  uint8_t hour = 0;   // of the day
  uint16_t part = 0;  // SlotOf(series hash) / kSlotsPerDigestPart
  SampleDigest digest;

  friend bool operator==(const DigestRow&, const DigestRow&) = default;
};

class DigestBuilder {
 public:
  explicit DigestBuilder(int32_t day);

  // The samples, histograms and starts of a series within the day.
  // REQUIRES: sorted, each distinct one once; series.hash is filled.
  void Add(const storage::SearchSeries& series);

  // What has samples, in the order of kind, hour, part.
  std::vector<DigestRow> Finish() const;

 private:
  SampleDigest& CellOf(DigestKind kind, size_t hour, uint16_t part);
  // Calls each(cell, i) for each timestamp, by and by of an hour.
  template <typename Each>
  void ForEachSample(DigestKind kind, uint16_t part,
                     std::span<const int64_t> timestamps_ms, Each each);
  void AddStarts(const model::SeriesHash& hash, const model::StartRuns& starts,
                 std::span<const int64_t> timestamps_ms);

  const int64_t start_ms_;
  // Hour by hour, of each all parts; empty while nothing is of the kind.
  std::array<std::vector<SampleDigest>, kDigestKinds> cells_;
  std::string bytes_;  // of a histogram
};

// By kind, of all hours and parts.
using DigestTotals = std::array<SampleDigest, kDigestKinds>;
DigestTotals TotalsOf(std::span<const DigestRow> rows);

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_SAMPLE_DIGEST_H_
