// Varints in streams of random lengths, without a branch for each byte.
//
// Out:     LEB128, as base::PutVarint writes it, into room the caller has made.
// In:      VarintReader never reads outside its view; a read past the end
//          returns 0 and makes ok() false for good.
// Threads: free functions; a reader belongs to one thread.
// Source:  the bytes' top bits tell the length; their 7-bit groups move with
//          three shifts, as pdep and pext would, which old CPUs lack.
#ifndef VARVE_LIB_ENCODING_VARINT_STREAM_H_
#define VARVE_LIB_ENCODING_VARINT_STREAM_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "lib/base/byte_coding.h"

namespace varve::encoding {

inline constexpr size_t kVarintBytesMax = 10;

// Moves the eight 7-bit groups of `value` to the low bits of bytes.
// REQUIRES: value < 2^56.
inline uint64_t SpreadGroups(uint64_t value) {
  value = (value & 0x000000000fffffff) | (value & 0x00fffffff0000000) << 4;
  value = (value & 0x00003fff00003fff) | (value & 0x0fffc0000fffc000) << 2;
  return (value & 0x007f007f007f007f) | (value & 0x3f803f803f803f80) << 1;
}

// Its inverse; ignores the top bit of every byte.
inline uint64_t GatherGroups(uint64_t bytes) {
  bytes = (bytes & 0x007f007f007f007f) | (bytes & 0x7f007f007f007f00) >> 1;
  bytes = (bytes & 0x00003fff00003fff) | (bytes & 0x3fff00003fff0000) >> 2;
  return (bytes & 0x000000000fffffff) | (bytes & 0x0fffffff00000000) >> 4;
}

inline constexpr uint64_t kTopBits = 0x8080808080808080;

// Lengths are random here, so that a loop over bytes would mispredict.
// REQUIRES: room for kVarintBytesMax bytes.
inline char* WriteVarint(char* to, uint64_t value) {
  if (value < uint64_t{1} << 56) {
    const int length = (std::bit_width(value | 1) + 6) / 7;
    const uint64_t more = kTopBits & ((uint64_t{1} << (8 * length - 8)) - 1);
    const uint64_t bytes = SpreadGroups(value) | more;
    std::memcpy(to, &bytes, sizeof(bytes));
    return to + length;
  }
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

// Reads varints without a branch for each byte while it is 8 bytes from the
// end: twice as fast here as base::ByteReader.
class VarintReader {
 public:
  explicit VarintReader(std::string_view bytes)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool ok() const { return ok_; }
  // What is left, for loops that know more of it, and how much they took.
  const char* at() const { return at_; }
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  void Skip(size_t bytes) { at_ += bytes; }  // REQUIRES: bytes <= left()
  bool AtEnd() const { return ok_ && at_ == end_; }

  uint64_t Varint() {
    if (end_ - at_ >= 8) {
      const auto bytes = base::LoadLe<uint64_t>(at_);
      const uint64_t stops = ~bytes & kTopBits;
      if (stops != 0) {
        const int last_bit = std::countr_zero(stops);  // 7, 15, ... 63
        at_ += (last_bit + 1) / 8;
        return GatherGroups(bytes & (~uint64_t{0} >> (63 - last_bit)));
      }
    }
    return SlowVarint();
  }
  uint64_t Zigzag() {
    return static_cast<uint64_t>(base::ZigzagDecode(Varint()));
  }
  // Running sums of `sums.size()` zigzag varints, wrapping at 2^64. Most
  // differences take one byte: eight of them are read at once.
  void ZigzagSums(std::span<uint64_t> sums) {
    uint64_t last = 0;
    size_t i = 0;
    while (i + 8 <= sums.size() && end_ - at_ >= 8) {
      auto bytes = base::LoadLe<uint64_t>(at_);
      if ((bytes & kTopBits) != 0) {
        sums[i++] = last += Zigzag();
        continue;
      }
      for (size_t k = 0; k < 8; ++k, bytes >>= 8) {
        sums[i + k] = last +=
            static_cast<uint64_t>(base::ZigzagDecode(bytes & 0xff));
      }
      at_ += 8;
      i += 8;
    }
    for (; i < sums.size(); ++i) sums[i] = last += Zigzag();
  }
  uint64_t Fixed64() {
    if (end_ - at_ < 8) return Fail();
    const auto value = base::LoadLe<uint64_t>(at_);
    at_ += 8;
    return value;
  }
  uint8_t Byte() {
    if (at_ == end_) return static_cast<uint8_t>(Fail());
    return static_cast<uint8_t>(*at_++);
  }

 private:
  uint64_t Fail() {
    ok_ = false;
    at_ = end_;
    return 0;
  }
  uint64_t SlowVarint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) return Fail();
      const auto byte = static_cast<uint8_t>(*at_++);
      if (shift == 63 && byte > 1) return Fail();
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return Fail();
  }

  const char* at_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace varve::encoding

#endif  // VARVE_LIB_ENCODING_VARINT_STREAM_H_
