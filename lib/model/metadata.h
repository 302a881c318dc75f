// What a metric means: type, help and unit, per tenant and metric name.
//
// Threads: values and free functions without state.
#ifndef VARVE_LIB_MODEL_METADATA_H_
#define VARVE_LIB_MODEL_METADATA_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/model/tenant.h"

namespace varve::model {

// Numbers of remote write; texts of /api/v1/metadata.
enum class MetricType : uint8_t {
  kUnknown = 0,
  kCounter = 1,
  kGauge = 2,
  kHistogram = 3,
  kGaugeHistogram = 4,
  kSummary = 5,
  kInfo = 6,
  kStateset = 7,
};
inline constexpr std::array<std::string_view, 8> kMetricTypeTexts = {
    "unknown", "counter", "gauge", "histogram",
    "gaugehistogram", "summary", "info", "stateset"};

inline std::string_view MetricTypeText(MetricType type) {
  const auto i = static_cast<size_t>(type);
  return kMetricTypeTexts[i < kMetricTypeTexts.size() ? i : 0];
}

struct MetricMetadata {
  std::string metric;
  MetricType type = MetricType::kUnknown;
  std::string help;
  std::string unit;
  friend bool operator==(const MetricMetadata&,
                         const MetricMetadata&) = default;
};

// As a node holds it: the later write is the one to read.
struct StoredMetadata {
  TenantId tenant;
  MetricMetadata metadata;
  int64_t written_ms = 0;

  bool ReadsBefore(const StoredMetadata& other) const {
    if (written_ms != other.written_ms) return written_ms > other.written_ms;
    const MetricMetadata& a = metadata;
    const MetricMetadata& b = other.metadata;
    if (a.type != b.type) return a.type > b.type;
    return a.help != b.help ? a.help > b.help : a.unit > b.unit;
  }
};

}  // namespace varve::model

#endif  // VARVE_LIB_MODEL_METADATA_H_
