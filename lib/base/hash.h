// xxh3 hashes: checksums of stored bytes, identities of series, table keys.
//
// Source:  xxHash 0.8, XXH3_64bits, XXH3_128bits, XXH64; stable across versions
//          and machines, so that they may be stored.
// Threads: free functions without state.
#ifndef VARVE_LIB_BASE_HASH_H_
#define VARVE_LIB_BASE_HASH_H_

#include <array>
#include <compare>
#include <cstdint>
#include <string_view>

namespace varve::base {

struct Hash128 {
  uint64_t high = 0;
  uint64_t low = 0;
  friend auto operator<=>(const Hash128&, const Hash128&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const Hash128& hash) {
    return H::combine(std::move(state), hash.low);
  }
};

uint64_t Hash64Of(std::string_view bytes);
uint64_t Hash64Of(std::string_view bytes, uint64_t seed);
Hash128 Hash128Of(std::string_view bytes);
Hash128 Hash128Of(std::string_view bytes, uint64_t seed);

// The older XXH64, where an outside rule names it; not for stored bytes.
uint64_t Xxh64Of(std::string_view bytes);

// A key of this process' own: nobody outside can make inputs that collide.
// Unlike a seed it costs nothing per call. For tables in memory only.
class SecretHash {
 public:
  SecretHash();  // from the machine's randomness
  Hash128 operator()(std::string_view bytes) const;

 private:
  std::array<unsigned char, 192> secret_;
};

// The checksum of every file and frame.
inline uint64_t Checksum(std::string_view bytes) { return Hash64Of(bytes); }

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_HASH_H_
