// Remote write bodies: the walker never reads outside them, and what it takes
// is framed well.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "lib/protocol/check_body.h"
#include "lib/protocol/remote_write.h"
#include "tests/fuzz/seeds.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace varve::protocol;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  RemoteWriteWalker walker(body);
  SampleBatch batch;
  std::vector<varve::model::Label> labels;
  bool good = true;
  for (bool more = true; more && good;) {
    batch.Clear();
    batch.form = RemoteWriteWalker::kForm;
    const auto next = walker.Next(batch, 16);
    good = next.ok();
    more = good && *next;
    for (size_t i = 0; good && i < batch.series.size(); ++i) {
      good = ParseRawLabels(batch.series[i].identity, labels).ok();
    }
  }
  if (good != CheckBody<RemoteWriteWalker>(body).ok()) std::abort();
  return 0;
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  // {__name__="up"} 1 @1000, with an exemplar and metadata.
  constexpr char kBody[] =
      "\x0a\x1f\x0a\x0e\x0a\x08__name__\x12\x02up"
      "\x12\x0b\x09\0\0\0\0\0\0\xf0\x3f\x10\x08\x1a\x00\x1a\x00";
  add(kBody, sizeof(kBody) - 1);
}
