// DATA frames from a peer: any bytes are a frame or an error.
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/wire/data_frame.h"
#include "tests/fuzz/seeds.h"

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  for (const bool compress : {false, true}) {
    const std::string frame =
        varve::wire::EncodeDataFrame(std::string(500, 'r'), 1, 7, compress);
    add(frame.data(), frame.size());
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto frame = varve::wire::DecodeDataFrame(bytes);
  if (frame.ok() && frame->record().size() > varve::wire::kRecordBytesMax) {
    __builtin_trap();
  }
  return 0;
}
