// Names of OTLP metrics and attributes as metric and label names.
//
// Threads: free functions without state.
// Source:  "Prometheus and OpenMetrics compatibility" of the OpenTelemetry
//          specification; where VictoriaMetrics and Prometheus differ, each has
//          its form.
#ifndef VARVE_LIB_PROTOCOL_OTLP_NAMES_H_
#define VARVE_LIB_PROTOCOL_OTLP_NAMES_H_

#include <string>
#include <string_view>

#include "lib/protocol/otlp_data.h"

namespace varve::protocol {

// kVictoriaMetrics cuts names at "/_.-: " and keeps other characters;
// kPrometheus at all but letters, digits and ':', and puts '_' before a digit.
enum class OtlpNameForm : uint8_t { kVictoriaMetrics, kPrometheus };

// http.server.duration in ms: http_server_duration_milliseconds; counters end
// in _total, gauges of unit 1 in _ratio. "" when no character can stay.
std::string PrometheusMetricName(const OtlpMetric& metric, OtlpNameForm form);

// By/s: bytes_per_second.
std::string PrometheusUnit(std::string_view unit);

// Characters other than letters, digits and '_' become '_', of those that are
// several bytes long one; "key_" comes before a digit, and, with
// `key_before_underscore`, "key" before a single '_'.
std::string PrometheusLabelName(std::string_view name,
                                bool key_before_underscore);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_OTLP_NAMES_H_
