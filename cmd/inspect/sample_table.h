// The series that one side of a comparison has in a span of time, of one part
// of all series, as it came in JSON lines.
//
// A part is chosen by the series' hash, so that both sides choose alike.
//
// Errors:  a table that takes more than `bytes_max` is full: what came since
//          is not in it.
// Threads: belongs to one thread.
#ifndef VARVE_CMD_INSPECT_SAMPLE_TABLE_H_
#define VARVE_CMD_INSPECT_SAMPLE_TABLE_H_

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/model/label.h"
#include "lib/protocol/sample_batch.h"

namespace varve::inspect {

struct SeriesPart {
  uint64_t part = 0;
  uint64_t parts = 1;  // a power of two

  bool Has(const model::SeriesHash& hash) const {
    return (hash.low & (parts - 1)) == part;
  }
  SeriesPart FirstHalf() const { return {part, parts * 2}; }
  SeriesPart SecondHalf() const { return {part + parts, parts * 2}; }
};

struct TableSample {
  int64_t timestamp_ms = 0;
  bool is_histogram = false;
  uint64_t value = 0;  // bits of a float, hash of a histogram

  friend auto operator<=>(const TableSample&, const TableSample&) = default;
};

struct TableSeries {
  std::string labels;  // canonical bytes
  std::vector<TableSample> samples;
};

class SampleTable {
 public:
  SampleTable(SeriesPart part, int64_t bytes_max)
      : part_(part), bytes_max_(bytes_max) {}

  // Takes what is of the part. REQUIRES: the form is kCanonical.
  void Add(const protocol::SampleBatch& batch);
  bool full() const { return bytes_ > bytes_max_; }

  // Each series' samples sorted, each once.
  void Sort();
  const absl::flat_hash_map<model::SeriesHash, TableSeries>& series() const {
    return series_;
  }

 private:
  const SeriesPart part_;
  const int64_t bytes_max_;
  int64_t bytes_ = 0;
  absl::flat_hash_map<model::SeriesHash, TableSeries> series_;
};

}  // namespace varve::inspect

#endif  // VARVE_CMD_INSPECT_SAMPLE_TABLE_H_
