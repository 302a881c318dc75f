// SEARCH answers from a peer: any bytes are a batch or an error.
#include <cstdint>
#include <string_view>

#include "lib/wire/series_batch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto batch = varve::wire::DecodeSeriesBatch(bytes);
  if (!batch.ok()) return 0;
  for (const auto& series : batch->series) {
    if (series.samples.timestamps_ms.size() != series.samples.values.size()) {
      __builtin_trap();
    }
  }
  return 0;
}
