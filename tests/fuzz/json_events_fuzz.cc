// OpenTSDB's puts, New Relic's events and Zabbix' items: a body that was found
// good is read to its end, rows have canonical names, and reading in small
// batches gives the same rows.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lib/model/label.h"
#include "lib/protocol/newrelic_json.h"
#include "lib/protocol/opentsdb_json.h"
#include "lib/protocol/zabbix_lines.h"
#include "tests/fuzz/seeds.h"

namespace {

using namespace varve::protocol;

constexpr int64_t kNowMs = 1'700'000'000'123;

size_t Rows(SkippingReader&& reader, size_t rows_max) {
  SampleBatch batch;
  size_t rows = 0;
  for (bool more = true; more;) {
    batch.Clear();
    more = reader.Next(batch, rows_max);
    for (const BatchSeries& series : batch.series) {
      if (!varve::model::ParseCanonicalBytes(series.identity).ok()) {
        std::abort();
      }
    }
    rows += batch.values.size();
  }
  return rows;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const ZabbixOptions zabbix{.groups_value = "1",
                                    .empty_tags_value = "2",
                                    .duplicate_separator = ","};
  (void)OpenTsdbJsonReader(text, 1, kNowMs).Check();
  (void)NewRelicReader(text, kNowMs).Check();
  if (Rows(OpenTsdbJsonReader(text, 1, kNowMs), 1) !=
          Rows(OpenTsdbJsonReader(text, 1, kNowMs), SIZE_MAX) ||
      Rows(NewRelicReader(text, kNowMs), 1) !=
          Rows(NewRelicReader(text, kNowMs), SIZE_MAX) ||
      Rows(ZabbixLinesReader(text, zabbix), 1) !=
          Rows(ZabbixLinesReader(text, zabbix), SIZE_MAX)) {
    std::abort();
  }
  return 0;
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  const auto body = [add](std::string_view text) {
    add(text.data(), text.size());
  };
  body(R"([{"metric":"m","timestamp":1346846400,"value":"18","tags":{"a":"b"}}])");
  body(R"([{"Events":[{"eventType":"S","timestamp":1690286061,"cpu":2.5}]}])");
  body(
      R"({"host":{"host":"a","name":"b"},"groups":["g"],"item_tags":[{"tag":"t",)"
      R"("value":""}],"name":"m","clock":15,"ns":9,"value":1,"type":3})");
}
