// Turns flushed series into the key-value pairs of day families.
//
//   BlockWriter writer(generation, [&](int32_t day, std::string_view key,
//                                      std::string_view value) {
//     return sst_of_day[day].Merge(key, value);
//   });
//   for (series in SeriesKey order)
//     RETURN_IF_ERROR(writer.Add(key, columns));
//
// In:      series in strictly ascending SeriesKey order, samples sorted and
//          deduplicated (model::SortAndDedup), timestamps >= 0.
// Out:     for each day of each series one pair; keys of one day ascend, as
//          an SST wants them. Views live until the sink returns.
// Errors:  the sink's, Internal for series out of order.
// Threads: one.
#ifndef VARVE_STORAGE_BLOCK_BLOCK_WRITER_H_
#define VARVE_STORAGE_BLOCK_BLOCK_WRITER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "lib/model/sample.h"
#include "storage/block/block_key.h"

namespace varve::storage {

class BlockWriter {
 public:
  using Sink = std::function<absl::Status(int32_t day, std::string_view key,
                                          std::string_view value)>;

  BlockWriter(uint64_t generation, Sink sink)
      : generation_(generation), sink_(std::move(sink)) {}

  absl::Status Add(const SeriesKey& key, const model::SampleColumns& columns);

  int64_t series() const { return series_; }
  int64_t samples() const { return samples_; }
  int64_t bytes() const { return bytes_; }

 private:
  const uint64_t generation_;
  const Sink sink_;
  std::optional<SeriesKey> last_;
  std::string key_;
  std::string value_;
  int64_t series_ = 0;
  int64_t samples_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_BLOCK_BLOCK_WRITER_H_
