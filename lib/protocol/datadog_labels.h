// Names and tags of DataDog, as its readers share them.
//
// Threads: free functions without state.
// Source:  docs.datadoghq.com, "Custom metrics naming" and "Define tags"; what
//          they leave open is as VictoriaMetrics has it.
#ifndef VARVE_LIB_PROTOCOL_DATADOG_LABELS_H_
#define VARVE_LIB_PROTOCOL_DATADOG_LABELS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/protocol/line_labels.h"

namespace varve::protocol {

struct DatadogOptions {
  bool sanitize_names = true;  // -datadog.sanitizeMetricName
  int64_t now_ms = 0;          // the time of what comes without one
};

// The metric's name as DataDog would store it: each run of what is none of
// a-zA-Z0-9_. is one underscore, so is each run of underscores, and there is
// none beside a dot.
std::string SanitizedDatadogName(std::string_view name);
std::string DatadogName(std::string_view name, const DatadogOptions& options);

// "name:value", or a name alone, whose value is no_label_value. `host_label`
// is the label that a tag host becomes.
void AddDatadogTag(std::string_view tag, std::string_view host_label,
                   LineLabels& labels);

// Bytes of a series' name and labels, above which it is skipped: they are
// copied once a batch, however few bytes its points take. lib/ingest refuses
// more too.
inline constexpr size_t kDatadogLabelBytesMax = 256 << 10;
inline constexpr std::string_view kDatadogLabelsTooLong =
    "its labels exceed 262144 bytes";

// Beside the series' own host.
inline constexpr std::string_view kExportedHost = "exported_host";

// Without a time, a sample is of the second that it came in.
int64_t DatadogMilliseconds(double seconds, const DatadogOptions& options);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_DATADOG_LABELS_H_
