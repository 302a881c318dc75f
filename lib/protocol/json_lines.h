// JSON lines, as /api/v1/export gives them and /api/v1/import takes them.
//
// In:      a line is {"metric":{"__name__":"up",…},"values":[…],
//          "timestamps":[…]}; timestamps are integers in Unix milliseconds. A
//          value is a number, null (a staleness marker, as export writes it)
//          or one of the strings NaN, Infinity, +Inf, -Inf … The member
//          "histograms" (lib/protocol/histogram_json.h) holds native ones.
// Out:     one series a line, in canonical form; rows in the line's order.
// Errors:  a bad line (not JSON, other shapes, columns of different lengths,
//          no labels) is skipped and counted; other members are ignored.
// Threads: a reader belongs to one thread.
#ifndef VARVE_LIB_PROTOCOL_JSON_LINES_H_
#define VARVE_LIB_PROTOCOL_JSON_LINES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/protocol/import_reader.h"

namespace varve::protocol {

class JsonLinesReader final : public ImportReader {
 public:
  // Keeps a view of `text`.
  explicit JsonLinesReader(std::string_view text,
                           int64_t line_bytes_max = kLineBytesMax)
      : ImportReader(text, line_bytes_max) {}

 private:
  void ReadLine(std::string_view line, SampleBatch& batch) override;

  std::string canonical_;
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_JSON_LINES_H_
