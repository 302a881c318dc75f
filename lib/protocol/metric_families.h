// Latest samples as delimited metric families, which scraping servers take
// instead of text; native histograms have no other form to be scraped in.
//
//   varint(size of the message) MetricFamily, again and again
//
// Threads: free functions without state.
// Source:  prometheus/client_model io/prometheus/client/metrics.proto;
//          proto/metric_families.proto.
#ifndef VARVE_LIB_PROTOCOL_METRIC_FAMILIES_H_
#define VARVE_LIB_PROTOCOL_METRIC_FAMILIES_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lib/model/histogram.h"
#include "lib/model/label.h"

namespace varve::protocol {

inline constexpr std::string_view kMetricFamiliesType =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
    "encoding=delimited";

struct LatestSample {
  model::LabelSet labels;
  int64_t timestamp_ms = 0;
  double value = 0;
  std::optional<model::Histogram> histogram;  // in the place of the value
};

// Whether both can be in one family: the same name and kind.
bool SameFamily(const LatestSample& a, const LatestSample& b);

// REQUIRES: not empty, of one family; no histogram of custom bounds, which
// the schema has no fields for.
void AppendMetricFamily(std::string& out,
                        std::span<const LatestSample> samples);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_METRIC_FAMILIES_H_
