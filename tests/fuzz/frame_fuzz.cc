// Frames of any bytes, in pieces whose sizes the first byte chooses.
#include <cstdlib>
#include <string_view>

#include "net/rpc/frame.h"
#include "net/rpc/rpc.h"
#include "tests/fuzz/seeds.h"

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  using namespace varve::rpc;
  std::string bytes = "\x05";
  for (const FrameKind kind : {FrameKind::kHello, FrameKind::kEnd}) {
    const std::string payload = EncodeStatus(absl::InternalError("text"));
    const auto header = EncodeHeader(kind, 1, 2, payload);
    bytes.append(header.data(), header.size());
    bytes += payload;
  }
  add(bytes.data(), bytes.size());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace varve::rpc;
  if (size == 0) return 0;
  const size_t step = data[0] + size_t{1};
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1),
                               size - 1);
  FrameParser parser;
  for (size_t at = 0; at < bytes.size(); at += step) {
    std::string_view piece = bytes.substr(at, step);
    while (!piece.empty()) {
      Frame frame;
      const auto complete = parser.Feed(piece, frame);
      if (!complete.ok()) return 0;
      if (!*complete) break;
      if (frame.payload.size() > size) std::abort();
      (void)DecodeStatus(frame.payload);
    }
  }
  return 0;
}
