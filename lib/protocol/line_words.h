// What readers of one sample a line share.
#ifndef VARVE_LIB_PROTOCOL_LINE_WORDS_H_
#define VARVE_LIB_PROTOCOL_LINE_WORDS_H_

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "lib/protocol/sample_batch.h"

namespace varve::protocol {

// Times beyond it have no count of milliseconds.
inline constexpr double kSecondsMax = 9e15;

// Takes the first word off `line`, with the separators around it; "" at the
// end.
inline std::string_view TakeWord(std::string_view& line,
                                 std::string_view separators) {
  const size_t first =
      std::min(line.find_first_not_of(separators), line.size());
  line.remove_prefix(first);
  const size_t end = std::min(line.find_first_of(separators), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

// A series with one row; `identity` lives as long as the batch.
inline void AppendNamedRow(std::string_view identity, int64_t timestamp_ms,
                           double value, SampleBatch& batch) {
  batch.series.push_back(
      {.identity = identity,
       .first_row = static_cast<uint32_t>(batch.values.size()),
       .rows = 1});
  batch.timestamps_ms.push_back(timestamp_ms);
  batch.values.push_back(value);
}

// The same, of an identity that is copied.
inline void AppendRow(std::string_view identity, int64_t timestamp_ms,
                      double value, SampleBatch& batch) {
  AppendNamedRow(batch.arena.Copy(identity), timestamp_ms, value, batch);
}

// Appends a series of the rows that `next` gives, nothing when it gives none;
// true when `batch` was full, or the series as long as one may be, before
// `next` answered false.
template <typename Next>
bool AppendRows(std::string_view identity, size_t rows_max, const Next& next,
                SampleBatch& batch) {
  BatchSeries series{.identity = "",
                     .first_row = static_cast<uint32_t>(batch.values.size())};
  bool full = false;
  int64_t timestamp_ms = 0;
  for (double value = 0; !full && next(timestamp_ms, value);) {
    batch.timestamps_ms.push_back(timestamp_ms);
    batch.values.push_back(value);
    ++series.rows;
    full = batch.values.size() >= rows_max || series.rows == kSeriesRowsMax;
  }
  if (series.rows > 0) {
    series.identity = batch.arena.Copy(identity);
    batch.series.push_back(series);
  }
  return full;
}

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_LINE_WORDS_H_
