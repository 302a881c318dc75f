// OTLP requests in both encodings: any bytes are a request or an error;
// identities are canonical, columns equally long.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lib/model/histogram.h"
#include "lib/model/label.h"
#include "lib/protocol/otlp_json.h"
#include "lib/protocol/otlp_protobuf.h"
#include "lib/protocol/series_labels.h"
#include "tests/fuzz/seeds.h"

namespace {

using namespace varve::protocol;

absl::Status CheckBatch(const SampleBatch& batch,
                        const std::vector<uint32_t>& points, bool) {
  if (batch.values.size() != batch.timestamps_ms.size() ||
      batch.histograms.size() != batch.histogram_timestamps_ms.size() ||
      points.size() != batch.series.size()) {
    std::abort();
  }
  for (const BatchSeries& series : batch.series) {
    std::vector<varve::model::Label> labels;
    if (!ReadSeriesLabels(batch, series, labels).ok() || labels.empty()) {
      std::abort();
    }
    for (const std::string_view histogram : batch.Histograms(series)) {
      if (!varve::model::ParseHistogramBytes(histogram).ok()) std::abort();
    }
    for (const auto& exemplar : batch.Exemplars(series)) {
      if (!varve::model::ParseCanonicalBytes(exemplar.labels).ok()) {
        std::abort();
      }
    }
  }
  return absl::OkStatus();
}

void Run(std::string_view body, bool json, const OtlpOptions& options) {
  SampleBatch batch;
  OtlpMapper mapper(&options, 1000, 16, &batch, CheckBatch);
  if (!json) {
    (void)ReadOtlpProtobuf(body, mapper);
  } else if (const auto parsed = OtlpJson::Parse(body); parsed.ok()) {
    (void)parsed->Read(mapper);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  OtlpOptions prometheus;
  prometheus.prometheus = true;
  const bool json = body.starts_with('{');
  Run(body, json, {});
  Run(body, json, prometheus);
  return 0;
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  constexpr std::string_view kJson =
      R"({"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name",)"
      R"("value":{"stringValue":"s"}}]},"scopeMetrics":[{"scope":{"name":"l"},)"
      R"("metrics":[{"name":"h","histogram":{"aggregationTemporality":2,)"
      R"("dataPoints":[{"count":"2","sum":1.5,"bucketCounts":["1",1],)"
      R"("explicitBounds":[1],"timeUnixNano":"1000000"}]}},{"name":"e",)"
      R"("exponentialHistogram":{"dataPoints":[{"count":1,"scale":20,)"
      R"("positive":{"offset":-7,"bucketCounts":["1"]}}]}}]}]}]})";
  add(kJson.data(), kJson.size());
  // A resource, scope and exponential histogram in protobuf.
  constexpr char kProtobuf[] =
      "\x0a\x43\x0a\x0a\x0a\x08\x0a\x01k\x12\x03\x0a\x01v"
      "\x12\x35\x0a\x03\x0a\x01l\x12\x2e\x0a\x01"
      "e\x52\x29\x0a\x25\x0a\x08\x0a\x01"
      "a\x12\x03\x0a\x01z\x19\x00\x00\x00\x00\x00\x10\x00\x00"
      "\x21\x01\x00\x00\x00\x00\x00\x00\x00\x30\x02\x42\x05\x08\x03\x12\x01\x01"
      "\x10\x02";
  add(kProtobuf, sizeof(kProtobuf) - 1);
}
