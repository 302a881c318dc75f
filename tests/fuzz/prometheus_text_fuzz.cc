// Text imports: any bytes are lines, good or bad; identities are canonical.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lib/model/label.h"
#include "lib/protocol/prometheus_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace varve::protocol;
  PrometheusTextReader reader({reinterpret_cast<const char*>(data), size}, 1);
  SampleBatch batch;
  for (bool more = true; more;) {
    batch.Clear();
    more = reader.Next(batch, 16);
    for (const BatchSeries& series : batch.series) {
      if (!varve::model::ParseCanonicalBytes(series.identity).ok()) {
        std::abort();
      }
    }
  }
  return 0;
}
