// Prometheus text exposition, as pushed to import/prometheus.
//
// In:      lines `name{label="value",…} value [timestamp in ms]`, also
//          `{"any utf-8 name","any label"="value"} …`; names may hold any
//          bytes but white space and `{`. Escapes in quotes: \\ \" \n.
//          Empty lines and those that begin with # are skipped; what follows
//          a # after the value (an exemplar) is ignored.
// Out:     one series with one row a line, in canonical form; of a repeated
//          label name the last one counts. A line without a timestamp gets
//          `default_ms`.
// Errors:  a bad line is skipped and counted.
// Threads: a reader belongs to one thread.
// Source:  Prometheus exposition formats, text 0.0.4 and 1.0.0.
#ifndef VARVE_LIB_PROTOCOL_PROMETHEUS_TEXT_H_
#define VARVE_LIB_PROTOCOL_PROMETHEUS_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/model/label.h"
#include "lib/protocol/import_reader.h"

namespace varve::protocol {

class PrometheusTextReader final : public ImportReader {
 public:
  // Keeps a view of `text`.
  PrometheusTextReader(std::string_view text, int64_t default_ms,
                       int64_t line_bytes_max = kLineBytesMax)
      : ImportReader(text, line_bytes_max), default_ms_(default_ms) {}

 private:
  void ReadLine(std::string_view line, SampleBatch& batch) override;

  const int64_t default_ms_;
  std::string canonical_;
};

// A number of the text format: a decimal or hexadecimal float, +Inf, -Inf,
// Inf, Infinity, NaN in any case. Nothing for anything else.
std::optional<double> ParseNumber(std::string_view text);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_PROMETHEUS_TEXT_H_
