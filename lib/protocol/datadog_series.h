// Series of DataDog's API version 2 in protobuf, as its agent sends them.
//
// In:      MetricPayload of proto/datadog_metrics.proto, decompressed;
//          timestamps in seconds, 0: now.
// Out:     as datadog_json.h has them.
// Errors:  Check: InvalidArgument for broken framing, and for fields of another
//          type. Series without a metric are skipped and counted, so are
//          points out of range.
// Threads: a reader belongs to one thread.
// Source:  DataDog/agent-payload, proto/metrics/agent_payload.proto.
#ifndef VARVE_LIB_PROTOCOL_DATADOG_SERIES_H_
#define VARVE_LIB_PROTOCOL_DATADOG_SERIES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "lib/protocol/datadog_labels.h"
#include "lib/protocol/import_reader.h"
#include "lib/protocol/line_labels.h"
#include "lib/protocol/proto_fields.h"

namespace varve::protocol {

class DatadogSeriesReader final : public SkippingReader {
 public:
  // Keeps a view of `body`.
  DatadogSeriesReader(std::string_view body, const DatadogOptions& options)
      : body_(body), options_(options), payload_(body), series_("") {}

  // Reads all of the body, so that a broken one can be refused as a whole.
  absl::Status Check() const;

  bool Next(SampleBatch& batch, size_t rows_max) override;

  // After Next was false: it was the body's end, and not broken framing.
  bool at_end() const { return payload_.done(); }

 private:
  // Sets canonical_ and series_; what is wrong, or "".
  std::string_view StartSeries(std::string_view series);
  // The next good point of the series; false at its end.
  bool NextPoint(int64_t& ms, double& value);

  const std::string_view body_;
  const DatadogOptions options_;
  Fields payload_;
  Fields series_;  // of the series that is read
  bool in_series_ = false;
  int64_t number_ = 0;  // of the series
  LineLabels labels_;
  std::string canonical_;
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_DATADOG_SERIES_H_
