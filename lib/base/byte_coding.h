// Integers as bytes: fixed width little and big endian, LEB128 varints, zigzag.
//
// Out:     Put* append to `out`; what it held before is kept.
// In:      ByteReader walks a view and never reads outside it. A read past the
//          end returns 0 or "" and makes ok() false for good, so that callers
//          check once after a group of reads.
// Threads: no shared state.
#ifndef VARVE_LIB_BASE_BYTE_CODING_H_
#define VARVE_LIB_BASE_BYTE_CODING_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace varve::base {

static_assert(std::endian::native == std::endian::little,
              "formats are little endian; add byte swaps for this machine");

template <typename Int>
void PutFixedLe(std::string& out, Int value) {
  char bytes[sizeof(Int)];
  std::memcpy(bytes, &value, sizeof(Int));
  out.append(bytes, sizeof(Int));
}

// Big endian, so that keys sort as numbers do.
template <typename Int>
void PutFixedBe(std::string& out, Int value) {
  for (int shift = (sizeof(Int) - 1) * 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(static_cast<uint64_t>(value) >> shift));
  }
}

template <typename Int>
Int LoadLe(const char* bytes) {
  Int value;
  std::memcpy(&value, bytes, sizeof(Int));
  return value;
}

// REQUIRES: `bytes` has at least sizeof(Int) bytes.
template <typename Int>
Int LoadBe(const char* bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(Int); ++i) {
    value = value << 8 | static_cast<uint8_t>(bytes[i]);
  }
  return static_cast<Int>(value);
}

inline void PutVarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

inline uint64_t ZigzagEncode(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^
         static_cast<uint64_t>(value >> 63);
}
inline int64_t ZigzagDecode(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

inline void PutLengthPrefixed(std::string& out, std::string_view bytes) {
  PutVarint(out, bytes.size());
  out.append(bytes);
}

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool empty() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }
  // Everything was read and nothing was missing.
  bool AtEnd() const { return ok_ && rest_.empty(); }

  template <typename Int>
  Int FixedLe() {
    std::string_view bytes = Bytes(sizeof(Int));
    return ok_ ? LoadLe<Int>(bytes.data()) : Int{};
  }
  template <typename Int>
  Int FixedBe() {
    std::string_view bytes = Bytes(sizeof(Int));
    return ok_ ? LoadBe<Int>(bytes.data()) : Int{};
  }

  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) return Fail();
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      if (shift == 63 && byte > 1) return Fail();  // over 64 bits
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return Fail();
  }
  int64_t Zigzag() { return ZigzagDecode(Varint()); }

  std::string_view Bytes(uint64_t size) {
    if (!ok_ || size > rest_.size()) {
      Fail();
      return {};
    }
    std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  std::string_view LengthPrefixed() { return Bytes(Varint()); }

 private:
  uint64_t Fail() {
    ok_ = false;
    rest_ = {};
    return 0;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_BYTE_CODING_H_
