// OpenTSDB's HTTP put: a JSON data point or an array of them.
//
// In:      {"metric":"m","timestamp":1356998400,"value":1.5,"tags":{"a":"b"}};
//          numbers may be strings; the timestamp in seconds or, above 32 bits,
//          in milliseconds; missing or 0 it is `default_ms`.
// Out:     a series with a row a data point, in canonical form.
// Errors:  Check: InvalidArgument for a body that is no JSON. Bad data points
//          are skipped and counted.
// Threads: a reader belongs to one thread.
// Source:  opentsdb.net, HTTP API "/api/put".
#ifndef VARVE_LIB_PROTOCOL_OPENTSDB_JSON_H_
#define VARVE_LIB_PROTOCOL_OPENTSDB_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "lib/protocol/import_reader.h"
#include "lib/protocol/json_items.h"
#include "lib/protocol/line_labels.h"

namespace varve::protocol {

class OpenTsdbJsonReader final : public SkippingReader {
 public:
  // Keeps a view of `body`. `trim_ms`: -opentsdbhttpTrimTimestamp.
  OpenTsdbJsonReader(std::string_view body, int64_t trim_ms,
                     int64_t default_ms);

  // Reads all of the body, so that a broken one can be refused as a whole.
  absl::Status Check();

  bool Next(SampleBatch& batch, size_t rows_max) override;

 private:
  // What is wrong with a data point; "" when it was appended.
  std::string_view ReadPoint(std::string_view text, SampleBatch& batch);

  const std::string_view body_;
  const int64_t trim_ms_;
  const int64_t default_ms_;
  JsonItems points_;
  bool single_;  // the body is one data point, not yet read
  int64_t number_ = 0;
  JsonItemReader reader_;
  LineLabels labels_;
  std::string canonical_;
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_OPENTSDB_JSON_H_
