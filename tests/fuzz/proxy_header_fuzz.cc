// PROXY headers of any bytes: what is one stays one whatever follows, and at
// the longest there is an answer.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/tcp/proxy_header.h"
#include "tests/fuzz/seeds.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace varve::net;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto header = ParseProxyHeader(bytes);
  if (!header.ok()) return 0;
  if (!header->has_value()) {
    if (bytes.size() >= kProxyHeaderBytesMax) std::abort();
    return 0;
  }
  if ((*header)->bytes > size) std::abort();
  const auto alone = ParseProxyHeader(bytes.substr(0, (*header)->bytes));
  if (!alone.ok() || !alone->has_value() ||
      (*alone)->client != (*header)->client) {
    std::abort();
  }
  for (size_t keep = 0; keep < (*header)->bytes; ++keep) {
    const auto cut = ParseProxyHeader(bytes.substr(0, keep));
    if (!cut.ok() || cut->has_value()) std::abort();
  }
  return 0;
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  const auto bytes = [add](std::string_view text) {
    add(text.data(), text.size());
  };
  bytes("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n");
  bytes("PROXY TCP6 2001:db8::7 ::1 1 65535\r\nGET");
  bytes("PROXY UNKNOWN\r\n");
  bytes({"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\x02\x03\x04\x05\x06\x07\x08"
         "\x10\x00\x00\x50",
         28});
  bytes({"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16});
}
