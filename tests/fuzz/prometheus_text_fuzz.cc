// Text imports: any bytes are lines, good or bad; identities have labels.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "lib/model/label.h"
#include "lib/protocol/prometheus_text.h"
#include "lib/protocol/series_labels.h"
#include "tests/fuzz/seeds.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace varve::protocol;
  PrometheusTextReader reader(
      std::string_view(reinterpret_cast<const char*>(data), size), 1);
  SampleBatch batch;
  for (bool more = true; more;) {
    batch.Clear();
    more = reader.Next(batch, 16);
    for (const BatchSeries& series : batch.series) {
      std::vector<varve::model::Label> labels;
      if (!ReadSeriesLabels(batch, series, labels).ok() || labels.empty()) {
        std::abort();
      }
      for (const auto& exemplar : batch.Exemplars(series)) {
        if (!varve::model::ParseCanonicalBytes(exemplar.labels).ok()) {
          std::abort();
        }
      }
    }
  }
  return 0;
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  for (const std::string_view text :
       {"up{job=\"a\\n\",b=\"c\"} 1.5e3 1000 # {x=\"y\"} 1\n",
        "# TYPE a counter\n{\"q\",\"r\"=\"s\"} NaN\na -Inf 5\n",
        "# HELP \"a b\" x\\ny\n# UNIT a s\na 1 1.5 # {l=\"m\"} 2 3.5\n# EOF"}) {
    add(text.data(), text.size());
  }
}
