// Influx, Graphite and OpenTSDB lines: any bytes are lines, good or bad; rows
// have labels, and reading in small batches gives the same rows.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "lib/model/label.h"
#include "lib/protocol/graphite_lines.h"
#include "lib/protocol/influx_lines.h"
#include "lib/protocol/opentsdb_lines.h"
#include "lib/protocol/series_labels.h"
#include "tests/fuzz/seeds.h"

namespace {

using namespace varve::protocol;

constexpr int64_t kNowMs = 1'700'000'000'123;

template <typename Reader>
size_t Rows(Reader reader, size_t rows_max) {
  SampleBatch batch;
  size_t rows = 0;
  for (bool more = true; more;) {
    batch.Clear();
    more = reader.Next(batch, rows_max);
    if (batch.values.size() != batch.timestamps_ms.size()) std::abort();
    for (const BatchSeries& series : batch.series) {
      std::vector<varve::model::Label> labels;
      if (!ReadSeriesLabels(batch, series, labels).ok() || labels.empty()) {
        std::abort();
      }
    }
    rows += batch.values.size();
  }
  return rows;
}

template <typename Make>
void Check(Make make) {
  if (Rows(make(), 1) != Rows(make(), SIZE_MAX)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const InfluxNaming naming;
  static const InfluxNaming short_names{.separator = "",
                                        .skip_single_field = true,
                                        .skip_measurement = size % 2 == 0,
                                        .trim_ms = 1'000};
  Check([&] {
    return InfluxLinesReader(text, naming, InfluxPrecision::kDetected, "x",
                             kNowMs);
  });
  Check([&] {
    return InfluxLinesReader(text, short_names, InfluxPrecision::kHours, "",
                             kNowMs);
  });
  Check([&] {
    return GraphiteLinesReader(text, {.sanitize = size % 2 == 0}, kNowMs);
  });
  Check([&] { return OpenTsdbLinesReader(text, 60'000, kNowMs); });
  return 0;
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  const auto line = [add](std::string_view text) {
    add(text.data(), text.size());
  };
  line("m\\ a,t=a\\,b,u=c v=\"x \\\" y\",w=1i,x=2.5,b=t 1465839830100400200\n");
  line("disk.used;datacenter=dc1;rack=a1 1.5 1700000000\na 1 -1\n");
  line("put sys.cpu.user 1356998400 42.5 host=web01 cpu=0\n");
}
