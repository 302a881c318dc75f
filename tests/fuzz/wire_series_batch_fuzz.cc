// SEARCH answers from a peer: any bytes are a batch or an error.
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/wire/series_batch.h"
#include "tests/fuzz/seeds.h"

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  varve::model::SampleColumns samples;
  for (int i = 0; i < 100; ++i) {
    samples.timestamps_ms.push_back(1'700'000'000'000 + i * 15'000);
    samples.values.push_back(i * 0.25);
  }
  varve::wire::SeriesBatchWriter writer;
  writer.Add({}, "some labels", samples);
  writer.Add({}, "other labels", samples);
  const std::string batch = writer.Finish();
  add(batch.data(), batch.size());
  varve::wire::SeriesBatchWriter of_all(true, true);
  of_all.Add({}, "labels", samples, {}, {{1000, 0.5, "trace"}},
             {{1'700'000'000'000, 1'700'000'900'000, 1'699'999'990'000}});
  const std::string all = of_all.Finish();
  add(all.data(), all.size());
  const std::string end = varve::wire::EncodeSearchEnd({});
  add(end.data(), end.size());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto batch = varve::wire::DecodeSeriesBatch(bytes);
  if (!batch.ok()) return 0;
  for (const auto& series : batch->series) {
    if (series.samples.timestamps_ms.size() != series.samples.values.size()) {
      __builtin_trap();
    }
    for (const auto& run : series.starts) {
      if (run.last_ms < run.first_ms) __builtin_trap();
    }
  }
  return 0;
}
