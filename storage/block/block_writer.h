// Turns flushed series into the key-value pairs of day families.
//
//   BlockWriter writer(generation, [&](int32_t day, std::string_view key,
//                                      std::string_view value) {
//     return sst_of_day[day].Merge(key, value);
//   });
//   for (series in SeriesKey order)
//     RETURN_IF_ERROR(writer.Add(key, columns, hints));
//   RETURN_IF_ERROR(writer.Finish());
//
// In:      series in strictly ascending SeriesKey order, samples sorted and
//          deduplicated (model::SortAndDedup), timestamps >= 0.
// Out:     for each day of each series one pair, and behind a tenant's series
//          the timestamp columns they share; keys of one day ascend, as an SST
//          wants them. Views live until the sink returns.
// Errors:  the sink's, Internal for series out of order.
// Threads: one.
#ifndef VARVE_STORAGE_BLOCK_BLOCK_WRITER_H_
#define VARVE_STORAGE_BLOCK_BLOCK_WRITER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "lib/encoding/sample_chunk.h"
#include "lib/model/sample.h"
#include "storage/block/block_key.h"
#include "storage/block/timestamp_column.h"

namespace varve::storage {

class BlockWriter {
 public:
  using Sink = std::function<absl::Status(int32_t day, std::string_view key,
                                          std::string_view value)>;

  // The first column id of a day; asked once for each.
  using NextColumn = std::function<uint64_t(int32_t day)>;

  BlockWriter(uint64_t generation, NextColumn next_column, Sink sink)
      : generation_(generation),
        next_column_(std::move(next_column)),
        sink_(std::move(sink)) {}

  absl::Status Add(const SeriesKey& key, const model::SampleColumns& columns,
                   encoding::ValueHints& hints);
  // After the last series.
  absl::Status Finish();

  struct Day {
    uint64_t next_column = 1;
    int64_t samples = 0;
  };
  // What the days got, and the column ids that come next.
  std::map<int32_t, Day> Days() const;

  int64_t series() const { return series_; }
  int64_t samples() const { return samples_; }
  int64_t bytes() const { return bytes_; }

 private:
  struct OpenDay {
    Day day;
    SharedTimestamps shared;
  };
  OpenDay& DayAt(int32_t day);
  absl::Status WriteColumns(const model::TenantId& tenant);

  const uint64_t generation_;
  const NextColumn next_column_;
  const Sink sink_;
  std::map<int32_t, OpenDay> days_;
  // Most series are of one day.
  int32_t last_day_ = -1;
  OpenDay* last_open_ = nullptr;
  std::optional<SeriesKey> last_;
  std::string key_;
  std::string value_;
  int64_t series_ = 0;
  int64_t samples_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_BLOCK_BLOCK_WRITER_H_
