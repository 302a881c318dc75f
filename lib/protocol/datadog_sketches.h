// Distributions of DataDog's agent: its sketches, as summaries.
//
// In:      SketchPayload of proto/datadog_metrics.proto, decompressed. A sketch
//          of values counts, in bin k, those near gamma^(|k| - bias), with the
//          sign of k.
// Out:     of each sketch <metric>{quantile="0.5|0.75|0.9|0.95|0.99"},
//          <metric>.sum, .count, .min and .max; labels are host and tags. In
//          canonical form.
// Errors:  Check: InvalidArgument for broken framing, and for fields of another
//          type. Sketches without a metric, with more or fewer bins than
//          counts, with too many, or with a timestamp of 0 or less, are skipped
//          and counted.
// Threads: a reader belongs to one thread.
// Source:  DataDog/agent-payload, proto/metrics/agent_payload.proto; the bins
//          DataDog/opentelemetry-mapping-go, pkg/quantile; series as
//          VictoriaMetrics has them.
#ifndef VARVE_LIB_PROTOCOL_DATADOG_SKETCHES_H_
#define VARVE_LIB_PROTOCOL_DATADOG_SKETCHES_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "lib/protocol/datadog_labels.h"
#include "lib/protocol/import_reader.h"
#include "lib/protocol/line_labels.h"
#include "lib/protocol/proto_fields.h"

namespace varve::protocol {

// Keys of bins have 16 bits.
inline constexpr size_t kDatadogBinsMax = 1 << 16;

struct DatadogSketch {
  int64_t seconds = 0;
  int64_t count = 0;
  double min = 0, max = 0, sum = 0;
  std::vector<int32_t> keys;     // ascending
  std::vector<uint32_t> counts;  // of each key's bin

  // The value that a `q` of all are below, 0 < q < 1; 0 of no values.
  // REQUIRES: as many counts as keys.
  double Quantile(double q) const;
};

class DatadogSketchReader final : public SkippingReader {
 public:
  // Keeps a view of `body`.
  DatadogSketchReader(std::string_view body, const DatadogOptions& options)
      : body_(body), options_(options), payload_(body), sketches_("") {}

  // Reads all of the body, so that a broken one can be refused as a whole.
  absl::Status Check();

  bool Next(SampleBatch& batch, size_t rows_max) override;

  // After Next was false: it was the body's end, and not broken framing.
  bool at_end() const { return payload_.done(); }

 private:
  static constexpr size_t kSeries = 9;  // five quantiles, sum, count, min, max

  // Sets canonical_ and sketches_; what is wrong, or "".
  std::string_view StartMetric(std::string_view metric);
  void TakeSketches(SampleBatch& batch);
  void AddRow(const DatadogSketch& sketch);

  const std::string_view body_;
  const DatadogOptions options_;
  Fields payload_;
  Fields sketches_;  // of the metric that is read
  bool in_metric_ = false;
  size_t at_once_ = 0;  // sketches of the metric that become a batch's series
  int64_t number_ = 0;  // of the metric
  DatadogSketch sketch_;
  LineLabels labels_;
  std::array<std::string, kSeries> canonical_;
  std::vector<int64_t> timestamps_ms_;
  std::array<std::vector<double>, kSeries> values_;
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_DATADOG_SKETCHES_H_
