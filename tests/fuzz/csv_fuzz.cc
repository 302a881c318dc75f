// CSV imports: any bytes are a format, good or bad, and lines of one; columns
// stay equally long.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lib/model/label.h"
#include "lib/protocol/csv.h"
#include "tests/fuzz/seeds.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace varve::protocol;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // The first line is the format.
  const size_t end = std::min(text.find('\n'), text.size());
  const auto columns = CsvColumns::Parse(text.substr(0, end));
  if (!columns.ok()) return 0;
  CsvReader reader(text.substr(end), *columns, 1, 7);
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
  for (const std::string_view text :
       {"1:label:l,2:metric:m,3:time:unix_s\n\"a,\"\"b\",1.5,1700000000\nc,N,",
        "2:metric:m,1:time:custom:2006-01-02 15:04:05\n2023-11-14 22:13:20,1",
        "2:metric:m,1:time:rfc3339\n2023-11-14T22:13:20Z,1\n,2\n"}) {
    add(text.data(), text.size());
  }
}
