// Graphite plaintext protocol, as carbon takes it.
//
// In:      metric[;tag=value…] value [timestamp in seconds], separated by
//          spaces or tabs. Tags without a value are left out.
// Out:     a series with a row a line, in canonical form. A timestamp that is
//          missing, 0 or -1 (N of some clients) is `default_ms`, whole seconds.
// Errors:  a bad line is skipped and counted.
// Threads: a reader belongs to one thread.
// Source:  graphite.readthedocs.io, "Feeding In Your Data" and "Graphite Tag
//          Support"; -graphite.sanitizeMetricName as VictoriaMetrics has it.
#ifndef VARVE_LIB_PROTOCOL_GRAPHITE_LINES_H_
#define VARVE_LIB_PROTOCOL_GRAPHITE_LINES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/protocol/import_reader.h"
#include "lib/protocol/line_labels.h"

namespace varve::protocol {

struct GraphiteOptions {
  int64_t trim_ms = 1'000;  // -graphiteTrimTimestamp
  // -graphite.sanitizeMetricName: of several dots in a row one stays, and what
  // is none of a-zA-Z0-9:_. becomes an underscore.
  bool sanitize = false;
};

class GraphiteLinesReader final : public ImportReader {
 public:
  // Keeps a view of `text`.
  GraphiteLinesReader(std::string_view text, const GraphiteOptions& options,
                      int64_t default_ms,
                      int64_t line_bytes_max = kLineBytesMax);

 private:
  void ReadLine(std::string_view line, SampleBatch& batch) override;
  std::string_view Sanitized(std::string_view metric);

  const GraphiteOptions options_;
  const int64_t default_ms_;
  LineLabels labels_;
  std::string metric_;
  std::string canonical_;
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_GRAPHITE_LINES_H_
