// JSON imports: any bytes are lines, good or bad; columns stay equally long.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lib/model/label.h"
#include "lib/protocol/json_lines.h"
#include "tests/fuzz/seeds.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace varve::protocol;
  JsonLinesReader reader(
      std::string_view(reinterpret_cast<const char*>(data), size));
  SampleBatch batch;
  for (bool more = true; more;) {
    batch.Clear();
    more = reader.Next(batch, 16);
    if (batch.values.size() != batch.timestamps_ms.size()) std::abort();
    for (const BatchSeries& series : batch.series) {
      if (!varve::model::ParseCanonicalBytes(series.identity).ok()) {
        std::abort();
      }
    }
  }
  return 0;
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  constexpr std::string_view kText =
      R"({"metric":{"__name__":"up","j":"\u00e9"},"values":[1,null,"NaN",-0.0],"timestamps":[1,2,3,4]})";
  add(kText.data(), kText.size());
}
