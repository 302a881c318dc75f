// DataDog's series in JSON and protobuf and its sketches: a body that was found
// good is read to its end and nothing in it is found broken, rows have
// canonical names, and reading in small batches gives the same rows.
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lib/base/hash.h"
#include "lib/model/label.h"
#include "lib/protocol/datadog_json.h"
#include "lib/protocol/datadog_series.h"
#include "lib/protocol/datadog_sketches.h"
#include "tests/fuzz/seeds.h"

namespace {

using namespace varve::protocol;

constexpr DatadogOptions kOptions = {.now_ms = 1'700'000'123'456};

// Of the rows in their order.
class Digest {
 public:
  void Add(uint64_t word) { digest_ = (digest_ ^ word) * 0x100000001b3u; }
  uint64_t value() const { return digest_; }

 private:
  uint64_t digest_ = 0xcbf29ce484222325u;
};

void AddRows(const SampleBatch& batch, const BatchSeries& series,
             Digest& digest) {
  const uint64_t identity = varve::base::Hash64Of(series.identity);
  for (size_t i = 0; i < series.rows; ++i) {
    digest.Add(identity);
    digest.Add(static_cast<uint64_t>(batch.Timestamps(series)[i]));
    digest.Add(std::bit_cast<uint64_t>(batch.Values(series)[i]));
  }
}

// `good`: Check has found nothing.
template <typename Reader>
uint64_t Rows(Reader reader, size_t rows_max, bool good) {
  SampleBatch batch;
  Digest digest;
  for (bool more = true; more;) {
    batch.Clear();
    more = reader.Next(batch, rows_max);
    size_t of_series = 0;
    for (const BatchSeries& series : batch.series) {
      if (!varve::model::ParseCanonicalBytes(series.identity).ok()) {
        std::abort();
      }
      of_series += series.rows;
    }
    if (of_series != batch.values.size() ||
        of_series != batch.timestamps_ms.size()) {
      std::abort();
    }
    for (const BatchSeries& series : batch.series) {
      AddRows(batch, series, digest);
    }
  }
  const bool whole = reader.at_end() &&
                     reader.first_error().find("broken") == std::string::npos;
  if (good && !whole) std::abort();
  return digest.value();
}

template <typename Reader>
void Run(const Reader& reader) {
  Reader checked = reader;
  const bool good = checked.Check().ok();
  if (Rows(reader, 1, good) != Rows(reader, SIZE_MAX, good)) std::abort();
}

void RunJson(std::string_view body, DatadogVersion version) {
  // A parser is not copied.
  const auto reader = [=] {
    return DatadogJsonReader(body, version, kOptions);
  };
  const bool good = reader().Check().ok();
  if (Rows(reader(), 1, good) != Rows(reader(), SIZE_MAX, good)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const auto version : {DatadogVersion::k1, DatadogVersion::k2}) {
    RunJson(body, version);
  }
  Run(DatadogSeriesReader(body, kOptions));
  Run(DatadogSketchReader(body, kOptions));
  return 0;
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  const auto body = [add](std::string_view text) {
    add(text.data(), text.size());
  };
  body(R"({"series":[{"metric":"m","host":"h","points":[[1575317847,0.5]],)"
       R"("tags":["env:t","b"]}]})");
  body(R"({"series":[{"metric":"m","points":[{"timestamp":1,"value":2}],)"
       R"("resources":[{"type":"host","name":"h"}]}]})");
  // A series with a resource, a tag and a point.
  body({"\x0a\x20\x0a\x09\x0a\x04host\x12\x01h\x12\x01m\x1a\x03"
        "a:b\x22\x0b\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\x05",
        34});
  // A sketch of two bins.
  body({"\x0a\x18\x0a\x01m\x12\x01h\x22\x03"
        "a:b\x3a\x0b\x08\x05\x10\x02\x3a\x02\xc4\x16\x42\x01\x02",
        26});
}
