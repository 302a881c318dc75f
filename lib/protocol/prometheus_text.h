// Prometheus text exposition and OpenMetrics, as pushed to import/prometheus.
//
// In:      lines `name{label="value",…} value [timestamp] [# exemplar]`, also
//          `{"any utf-8 name","any label"="value"} …`; names may hold any
//          bytes but white space and `{`. Escapes in quotes: \\ \" \n.
//          An exemplar is `{label="value",…} value [timestamp]`.
//          `# TYPE`, `# HELP` and `# UNIT` with a name and a text are
//          metadata; other lines that begin with # are passed over.
//          Timestamps: those of OpenMetrics, as a Content-Type or a last line
//          `# EOF` tells it, are seconds; of other text those within 2^31 of
//          1970 are seconds, all others milliseconds.
// Out:     one series with one row a line, named by its text where that is
//          plain (kOfReader); of a repeated label name the last one counts. A
//          line without a timestamp gets
//          `default_ms`, an exemplar without one that of its line.
//          `_created` samples are series as all others.
// Errors:  a bad line is skipped and counted; of an exemplar that cannot be
//          read, or is longer than kExemplarLabelBytesMax, only the exemplar.
// Note:    a time of 2^31 ms is in January 1970; nobody sends such, while all
//          tools that dump OpenMetrics send seconds, often without saying so.
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
#include "lib/model/metadata.h"
#include "lib/protocol/import_reader.h"

namespace varve::protocol {

// Text that ends with "# EOF" is OpenMetrics, too; not so kPrometheusPart, the
// beginning of a body whose end is not there yet.
enum class TextFormat : uint8_t { kPrometheus, kPrometheusPart, kOpenMetrics };

class PrometheusTextReader final : public ImportReader,
                                   public IdentityReader {
 public:
  // Keeps a view of `text`.
  PrometheusTextReader(std::string_view text, int64_t default_ms,
                       int64_t line_bytes_max = kLineBytesMax,
                       TextFormat format = TextFormat::kPrometheus);

  void MakeLabels(std::string_view identity,
                  std::vector<model::Label>& labels) const override;

 private:
  void ReadLine(std::string_view line, SampleBatch& batch) override;
  void ReadComment(std::string_view line, SampleBatch& batch);
  void AppendExemplar(std::string_view text, int64_t line_ms,
                      BatchSeries& series, SampleBatch& batch);
  std::optional<int64_t> ReadTimestamp(std::string_view text) const;

  const int64_t default_ms_;
  const bool seconds_;
  std::string canonical_;  // with its mark
  model::MetricMetadata family_;  // of the comments last read
};

// A number of the text format: a decimal or hexadecimal float, +Inf, -Inf,
// Inf, Infinity, NaN in any case. Nothing for anything else.
std::optional<double> ParseNumber(std::string_view text);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_PROMETHEUS_TEXT_H_
