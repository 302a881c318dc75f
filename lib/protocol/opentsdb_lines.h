// OpenTSDB's telnet protocol: put <metric> <timestamp> <value> [tag=value …].
//
// In:      words separated by spaces; timestamps in seconds or, above 32 bits,
//          in milliseconds. Tags without a name or a value are left out.
// Out:     a series with a row a line, in canonical form. The timestamp 0 is
//          `default_ms`.
// Errors:  a bad line, other commands among them, is skipped and counted.
// Threads: a reader belongs to one thread.
// Source:  opentsdb.net, "Telnet Style API: put".
#ifndef VARVE_LIB_PROTOCOL_OPENTSDB_LINES_H_
#define VARVE_LIB_PROTOCOL_OPENTSDB_LINES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/protocol/import_reader.h"
#include "lib/protocol/line_labels.h"

namespace varve::protocol {

class OpenTsdbLinesReader final : public ImportReader {
 public:
  // Keeps a view of `text`. `trim_ms`: -opentsdbTrimTimestamp.
  OpenTsdbLinesReader(std::string_view text, int64_t trim_ms,
                      int64_t default_ms,
                      int64_t line_bytes_max = kLineBytesMax)
      : ImportReader(text, line_bytes_max, ""),
        trim_ms_(trim_ms),
        default_ms_(default_ms - default_ms % 1'000) {}

 private:
  void ReadLine(std::string_view line, SampleBatch& batch) override;

  const int64_t trim_ms_;
  const int64_t default_ms_;
  LineLabels labels_;
  std::string canonical_;
};

// Seconds or milliseconds, as OpenTSDB tells them apart. REQUIRES:
// |timestamp| < kSecondsMax.
int64_t OpenTsdbMilliseconds(int64_t timestamp);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_OPENTSDB_LINES_H_
