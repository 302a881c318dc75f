#include "lib/base/hash.h"

#if defined(__x86_64__)
// The same functions, in the widest vectors that the CPU has.
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

#include <random>

namespace varve::base {

uint64_t Hash64Of(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

uint64_t Hash64Of(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

Hash128 Hash128Of(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.high64, hash.low64};
}

Hash128 Hash128Of(std::string_view bytes, uint64_t seed) {
  const XXH128_hash_t hash =
      XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
  return {hash.high64, hash.low64};
}

uint64_t Xxh64Of(std::string_view bytes) {
  return XXH64(bytes.data(), bytes.size(), 0);
}

SecretHash::SecretHash() {
  std::random_device device;
  for (unsigned char& byte : secret_) {
    byte = static_cast<unsigned char>(device());
  }
}

Hash128 SecretHash::operator()(std::string_view bytes) const {
  const XXH128_hash_t hash = XXH3_128bits_withSecret(
      bytes.data(), bytes.size(), secret_.data(), secret_.size());
  return {hash.high64, hash.low64};
}

}  // namespace varve::base
