// Compressed bodies as clients send them: for tests.
#ifndef VARVE_LIB_PROTOCOL_TEST_BODIES_H_
#define VARVE_LIB_PROTOCOL_TEST_BODIES_H_

#include <string>
#include <string_view>

#include "lib/compress/compress.h"

namespace varve::protocol {

inline std::string SnappyBody(std::string_view bytes) {
  std::string out;
  compress::SnappyCompress(bytes, out);
  return out;
}
inline std::string ZstdBody(std::string_view bytes) {
  std::string out;
  compress::ZstdCompress(bytes, 1, out);
  return out;
}
inline std::string GzipBody(std::string_view bytes) {
  std::string out;
  compress::GzipCompress(bytes, 1, out);
  return out;
}

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_TEST_BODIES_H_
