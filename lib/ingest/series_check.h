// Which label sets are taken, and the reasons against.
//
// Threads: free functions without state.
#ifndef VARVE_LIB_INGEST_SERIES_CHECK_H_
#define VARVE_LIB_INGEST_SERIES_CHECK_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/ingest/series_table.h"
#include "lib/model/label.h"

namespace varve::ingest {

// What storage nodes take (storage/index), whatever the flags allow: a
// definition they refuse would fail the whole write, again and again.
inline constexpr size_t kSeriesLabelsMax = 4096;
inline constexpr size_t kSeriesBytesMax = 256 << 10;

// Names of the limits in the file of -insert.tenantLimits.
inline constexpr const char* kLabelsMaxKey = "max_label_names_per_series";
inline constexpr const char* kLabelNameMaxKey = "max_label_name_length";
inline constexpr const char* kLabelValueMaxKey = "max_label_value_length";
inline constexpr const char* kActiveSeriesKey = "max_active_series";

struct SeriesLimits {
  int64_t labels_max = 40;
  int64_t label_name_bytes_max = 256;
  int64_t label_value_bytes_max = 4096;
  int64_t active_series_max = 0;  // 0: no limit
  // Where each comes from, for texts.
  std::string_view labels_max_name = "-maxLabelsPerTimeseries";
  std::string_view label_name_max_name = "-maxLabelNameLen";
  std::string_view label_value_max_name = "-maxLabelValueLen";

  friend bool operator==(const SeriesLimits&, const SeriesLimits&) = default;
};

// The first reason against `labels`, which may be unsorted and repeated.
// Labels with an empty value do not exist and do not count.
Rejection CheckSeries(const std::vector<model::Label>& labels,
                      const SeriesLimits& limits);

// In words, for the sender: what is wrong, the size and the limit's flag.
// REQUIRES: `why` is CheckSeries' verdict on `labels`, or about histograms.
std::string Explain(Rejection why, const std::vector<model::Label>& labels,
                    const SeriesLimits& limits);

// That a new series would be one too many of its tenant is said by the table
// of series, not by CheckSeries.

// The reason label of vm_rows_ignored_total.
std::string_view ReasonOf(Rejection rejection);

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_SERIES_CHECK_H_
