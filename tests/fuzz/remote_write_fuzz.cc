// Remote write bodies: the walker never reads outside them, and what it takes
// is framed well.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "lib/protocol/remote_write.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace varve::protocol;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  RemoteWriteWalker walker(body);
  SampleBatch batch;
  std::vector<varve::model::Label> labels;
  bool good = true;
  for (bool more = true; more && good;) {
    batch.Clear();
    const auto next = walker.Next(batch, 16);
    good = next.ok();
    more = good && *next;
    for (size_t i = 0; good && i < batch.series.size(); ++i) {
      good = ParseRawLabels(batch.series[i].identity, labels).ok();
    }
  }
  if (good != CheckRemoteWrite(body).ok()) std::abort();
  return 0;
}
