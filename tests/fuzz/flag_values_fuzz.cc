// Values of flags: any text is a value or an error.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lib/base/flags.h"
#include "tests/fuzz/seeds.h"

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  for (const std::string_view text :
       {"1h30m", "100y", "1d12h", "64MiB", "{a=\"b,c\"}:30d,\"x\\\"y\",'z'"}) {
    add(text.data(), text.size());
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)varve::base::ParseGoDuration(text).ok();
  (void)varve::base::ParseBytes(text).ok();
  (void)varve::base::ParseBool(text).ok();
  const auto retention = varve::base::ParseRetention(text);
  if (retention.ok() && *retention < absl::ZeroDuration()) std::abort();
  if (varve::base::SplitList(text).size() > size + 1) std::abort();
  return 0;
}
