// DATA frames from a peer: any bytes are a frame or an error.
#include <cstdint>
#include <string_view>

#include "lib/wire/data_frame.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto frame = varve::wire::DecodeDataFrame(bytes);
  if (frame.ok() && frame->record.size() > varve::wire::kRecordBytesMax) {
    __builtin_trap();
  }
  return 0;
}
