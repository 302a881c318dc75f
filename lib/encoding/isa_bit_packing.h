// Bit packing for one instruction set. Included by isa_kernels.cc alone.
#ifndef VARVE_LIB_ENCODING_ISA_BIT_PACKING_H_
#define VARVE_LIB_ENCODING_ISA_BIT_PACKING_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace varve::encoding::VARVE_ISA {
namespace {

// Eight values of w bits are w bytes: every group starts on a whole byte.
constexpr size_t kGroup = 8;
constexpr size_t kBlock = 128;

constexpr uint64_t LowBits(int width) {
  return width >= 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
}
constexpr size_t PackedBytes(size_t values, int width) {
  return (values * width + 7) / 8;
}

// Writes whole words, the last one past the group's end.
template <int kWidth>
void PackGroup(const uint64_t* values, char* out) {
  constexpr size_t kWords = (kWidth * kGroup + 63) / 64;
  uint64_t words[kWords] = {};
#pragma GCC unroll 8
  for (size_t k = 0; k < kGroup; ++k) {
    const size_t word = k * kWidth / 64;
    const int shift = static_cast<int>(k * kWidth % 64);
    const uint64_t value = values[k] & LowBits(kWidth);
    words[word] |= value << shift;
    if (shift + kWidth > 64) {
      words[word + 1] |= value >> 1 >> (63 - shift);
    }
  }
  std::memcpy(out, words, sizeof(words));
}

template <int kWidth>
void PackWidth(const uint64_t* values, size_t n, char* out) {
  size_t i = 0;
  for (; i + kGroup <= n; i += kGroup, out += kWidth) {
    PackGroup<kWidth>(values + i, out);
  }
  if (i == n) return;
  uint64_t last[kGroup] = {};
  for (size_t k = 0; i + k < n; ++k) last[k] = values[i + k];
  PackGroup<kWidth>(last, out);
}

inline uint64_t LoadWord(const char* from) {
  uint64_t word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

// Reads up to kGroupRead bytes from `packed`, whatever the width.
template <int kWidth>
constexpr size_t kGroupRead = (kGroup - 1) * kWidth / 8 + 9;

template <int kWidth>
void UnpackGroup(const char* packed, uint64_t* out) {
#pragma GCC unroll 8
  for (size_t k = 0; k < kGroup; ++k) {
    const size_t bit = k * kWidth;
    const size_t shift = bit % 8;
    uint64_t word = LoadWord(packed + bit / 8) >> shift;
    if constexpr (kWidth > 57) {
      // Shifted twice because 64 at once is undefined.
      const auto ninth = static_cast<uint8_t>(packed[bit / 8 + 8]);
      word |= uint64_t{ninth} << 1 << (63 - shift);
    }
    out[k] = word & LowBits(kWidth);
  }
}

template <int kWidth>
void UnpackWidth(const char* packed, size_t readable, uint64_t* out, size_t n) {
  size_t i = 0;
  const char* at = packed;
  for (; i + kGroup <= n &&
         static_cast<size_t>(at - packed) + kGroupRead<kWidth> <= readable;
       i += kGroup, at += kWidth) {
    UnpackGroup<kWidth>(at, out + i);
  }
  if (i == n) return;
  // What is near the end is copied to where more can be read.
  char copy[kBlock * 8 + kGroupRead<kWidth>];
  const size_t rest = PackedBytes(n - i, kWidth);
  std::memcpy(copy, at, rest);
  std::memset(copy + rest, 0, kGroupRead<kWidth>);
  at = copy;
  for (; i + kGroup <= n; i += kGroup, at += kWidth) {
    UnpackGroup<kWidth>(at, out + i);
  }
  if (i == n) return;
  uint64_t last[kGroup];
  UnpackGroup<kWidth>(at, last);
  for (size_t k = 0; i + k < n; ++k) out[i + k] = last[k];
}

using PackFunction = void (*)(const uint64_t*, size_t, char*);
using UnpackFunction = void (*)(const char*, size_t, uint64_t*, size_t);

template <typename Function>
struct ByWidth {
  Function of[64];
};

template <int... kWidths>
constexpr ByWidth<PackFunction> MakePackers(
    std::integer_sequence<int, kWidths...>) {
  return {{&PackWidth<kWidths + 1>...}};
}
template <int... kWidths>
constexpr ByWidth<UnpackFunction> MakeUnpackers(
    std::integer_sequence<int, kWidths...>) {
  return {{&UnpackWidth<kWidths + 1>...}};
}
constexpr auto kPackers = MakePackers(std::make_integer_sequence<int, 64>());
constexpr auto kUnpackers =
    MakeUnpackers(std::make_integer_sequence<int, 64>());

void Pack(const uint64_t* values, size_t n, int width, char* out) {
  if (width > 0) kPackers.of[width - 1](values, n, out);
}

#if defined(__AVX512VBMI__)

// For each width the first byte of each value's eight in the group, and how
// far the value is shifted there. Above 57 bits a value may have nine.
constexpr int kVectorWidthMax = 57;
struct VectorLayouts {
  alignas(64) uint8_t index[kVectorWidthMax + 1][64];
  alignas(64) uint64_t shift[kVectorWidthMax + 1][kGroup];
};

constexpr VectorLayouts MakeVectorLayouts() {
  VectorLayouts layouts{};
  for (size_t width = 1; width <= kVectorWidthMax; ++width) {
    for (size_t k = 0; k < kGroup; ++k) {
      for (size_t b = 0; b < 8; ++b) {
        layouts.index[width][k * 8 + b] =
            static_cast<uint8_t>(k * width / 8 + b);
      }
      layouts.shift[width][k] = k * width % 8;
    }
  }
  return layouts;
}
constexpr VectorLayouts kVectorLayouts = MakeVectorLayouts();

// Masked loads read what they are asked for and no byte more.
void UnpackVectors(const char* packed, int width, uint64_t* out, size_t n) {
  constexpr __mmask8 kAll = 0xff;
  const __m512i index = _mm512_load_si512(kVectorLayouts.index[width]);
  const __m512i shift = _mm512_load_si512(kVectorLayouts.shift[width]);
  const __m512i mask = _mm512_set1_epi64(static_cast<int64_t>(LowBits(width)));
  const auto lanes = [&](const char* from, size_t bytes) {
    const __m512i group =
        _mm512_maskz_loadu_epi8(LowBits(static_cast<int>(bytes)), from);
    const __m512i spread =
        _mm512_maskz_permutexvar_epi8(~__mmask64{0}, index, group);
    return _mm512_and_si512(_mm512_maskz_srlv_epi64(kAll, spread, shift), mask);
  };
  size_t i = 0;
  for (; i + kGroup <= n; i += kGroup, packed += width) {
    _mm512_storeu_si512(out + i, lanes(packed, width));
  }
  if (i == n) return;
  _mm512_mask_storeu_epi64(
      out + i, static_cast<__mmask8>(LowBits(static_cast<int>(n - i))),
      lanes(packed, PackedBytes(n - i, width)));
}

#elif defined(__AVX2__)

// For each width and each half of a group: where in the 16 bytes from a pair's
// first byte on its two values begin, and how far they are shifted there.
constexpr int kVectorWidthMax = 57;
struct VectorLayouts {
  alignas(32) uint8_t index[kVectorWidthMax + 1][2][32];
  alignas(32) uint64_t shift[kVectorWidthMax + 1][2][4];
};

constexpr VectorLayouts MakeVectorLayouts() {
  VectorLayouts layouts{};
  for (size_t width = 1; width <= kVectorWidthMax; ++width) {
    for (size_t k = 0; k < kGroup; ++k) {
      const size_t begin = k * width / 8 - k / 2 * 2 * width / 8;
      for (size_t b = 0; b < 8; ++b) {
        layouts.index[width][k / 4][k % 4 * 8 + b] =
            static_cast<uint8_t>(begin + b < 16 ? begin + b : 0x80);
      }
      layouts.shift[width][k / 4][k % 4] = k * width % 8;
    }
  }
  return layouts;
}
constexpr VectorLayouts kVectorLayouts = MakeVectorLayouts();

// Whole groups as far as 16 bytes from each pair on can be read; says how many
// values that were.
size_t UnpackVectors(const char* packed, size_t readable, int width,
                     uint64_t* out, size_t n) {
  const size_t last_pair = 6 * static_cast<size_t>(width) / 8;
  if (readable < last_pair + 16) return 0;
  const size_t groups = (readable - last_pair - 16) / width + 1;
  const size_t end = groups < n / kGroup ? groups * kGroup : n / kGroup * kGroup;
  const __m256i mask = _mm256_set1_epi64x(static_cast<int64_t>(LowBits(width)));
  const auto half = [&](const char* group, size_t which, uint64_t* to) {
    const size_t pair = which * 4 * static_cast<size_t>(width) / 8;
    const size_t next = (which * 4 + 2) * static_cast<size_t>(width) / 8;
    const auto* first = reinterpret_cast<const __m128i*>(group + pair);
    const auto* second = reinterpret_cast<const __m128i*>(group + next);
    const __m256i bytes = _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128(first)),
        _mm_loadu_si128(second), 1);
    const __m256i lanes = _mm256_shuffle_epi8(
        bytes, _mm256_load_si256(reinterpret_cast<const __m256i*>(
                   kVectorLayouts.index[width][which])));
    const __m256i low = _mm256_srlv_epi64(
        lanes, _mm256_load_si256(reinterpret_cast<const __m256i*>(
                   kVectorLayouts.shift[width][which])));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                        _mm256_and_si256(low, mask));
  };
  for (size_t i = 0; i < end; i += kGroup, packed += width) {
    half(packed, 0, out + i);
    half(packed, 1, out + i + 4);
  }
  return end;
}

#endif

void Unpack(const char* packed, size_t readable, int width, uint64_t* out,
            size_t n) {
#if defined(__AVX512VBMI__)
  if (width > 0 && width <= kVectorWidthMax) {
    UnpackVectors(packed, width, out, n);
    return;
  }
#elif defined(__AVX2__)
  if (width > 0 && width <= kVectorWidthMax) {
    const size_t done = UnpackVectors(packed, readable, width, out, n);
    const size_t bytes = done / kGroup * width;
    packed += bytes;
    readable -= bytes;
    out += done;
    n -= done;
    if (n == 0) return;
  }
#endif
  if (width > 0) {
    kUnpackers.of[width - 1](packed, readable, out, n);
  } else {
    for (size_t i = 0; i < n; ++i) out[i] = 0;
  }
}

}  // namespace
}  // namespace varve::encoding::VARVE_ISA

#endif  // VARVE_LIB_ENCODING_ISA_BIT_PACKING_H_
