// What a line reader makes of a text, for tests.
#ifndef VARVE_LIB_PROTOCOL_READ_LINES_H_
#define VARVE_LIB_PROTOCOL_READ_LINES_H_

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "lib/base/strings.h"
#include "lib/model/label.h"
#include "lib/protocol/sample_batch.h"
#include "lib/protocol/series_labels.h"

namespace varve::protocol {

struct ReadResult {
  std::vector<std::string> rows;  // "name{labels} timestamp value"
  int64_t bad = 0;
  std::string error;  // of the first bad line
};

using Rows = std::vector<std::string>;

inline void AddRows(const SampleBatch& batch, Rows& rows) {
  for (const BatchSeries& series : batch.series) {
    std::vector<model::Label> labels;
    if (!ReadSeriesLabels(batch, series, labels).ok()) {
      throw std::runtime_error("no labels behind an identity");
    }
    for (size_t i = 0; i < series.rows; ++i) {
      rows.push_back(base::StrCat(model::LabelSet(labels).Text(), " ",
                                  batch.Timestamps(series)[i], " ",
                                  batch.Values(series)[i]));
    }
  }
}

template <typename Reader>
ReadResult ReadAll(Reader&& reader, size_t rows_max = SIZE_MAX) {
  ReadResult result;
  SampleBatch batch;
  for (bool more = true; more;) {
    batch.Clear();
    more = reader.Next(batch, rows_max);
    AddRows(batch, result.rows);
  }
  result.bad = reader.bad_lines();
  result.error = reader.first_error();
  return result;
}

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_READ_LINES_H_
