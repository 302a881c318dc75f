// What two sides, A and B, have alike and not: told by and by, a span of time
// and a part of the series after another.
//
// Series are equal by their labels, samples by timestamp and bits. Counts are
// of everything; examples are kept of at most kExamplesMax series.
//
// Threads: belongs to one thread.
#ifndef VARVE_CMD_INSPECT_COMPARISON_H_
#define VARVE_CMD_INSPECT_COMPARISON_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "cmd/inspect/sample_table.h"

namespace varve::inspect {

inline constexpr size_t kExamplesMax = 10'000;
// Of each series of a part, in the comparison.
inline constexpr size_t kTallyBytes = 100;

struct ComparisonCounts {
  int64_t series_a = 0, series_b = 0;
  int64_t series_only_a = 0, series_only_b = 0;
  int64_t series_differ = 0;  // both have it, with other samples
  int64_t samples_a = 0, samples_b = 0;
  // Of all series, those of one side included. Samples of one timestamp that
  // are unlike each other are one of `samples_differ`.
  int64_t samples_only_a = 0, samples_only_b = 0, samples_differ = 0;

  bool alike() const {
    return samples_only_a + samples_only_b + samples_differ == 0;
  }
  void Add(const ComparisonCounts& other);
};

struct DifferingSample {
  std::optional<TableSample> a, b;  // one of them at least
};

struct DifferingSeries {
  std::string labels;  // canonical bytes
  int64_t only_a = 0, only_b = 0, differ = 0;  // samples
  std::vector<DifferingSample> first;
};

// Of all spans of time of one part of the series.
class PartComparison {
 public:
  explicit PartComparison(size_t samples_shown)
      : samples_shown_(samples_shown) {}

  // REQUIRES: both are sorted; spans come in the order of time and do not
  // overlap. False when there are over `series_max` series: start over with
  // smaller parts.
  bool Add(const SampleTable& a, const SampleTable& b, size_t series_max);

  // When all spans have been added.
  ComparisonCounts Counts() const;
  enum class Kind : uint8_t { kOnlyA = 0, kOnlyB = 1, kDiffer = 2 };
  // The examples of a kind, at most `count`, in the order of their labels.
  std::vector<DifferingSeries> Examples(Kind kind, size_t count) const;

 private:
  struct Tally {
    int64_t a = 0, b = 0;  // samples
    bool differs = false;
  };
  static Kind KindOf(const Tally& tally);
  void AddSeries(const model::SeriesHash& hash, const TableSeries* a,
                 const TableSeries* b);

  const size_t samples_shown_;
  ComparisonCounts counts_;  // of samples
  absl::flat_hash_map<model::SeriesHash, Tally> tallies_;
  absl::flat_hash_map<model::SeriesHash, DifferingSeries> examples_;
};

// The examples as text, counts and samples:
//   differs: up{job="b"}: 1 only in A, 0 only in B, 2 of another value
//     2026-11-22T12:00:00.000Z A 1, B 2
std::string ExampleText(const DifferingSeries& series,
                        PartComparison::Kind kind);

}  // namespace varve::inspect

#endif  // VARVE_CMD_INSPECT_COMPARISON_H_
