// Kernels over blocks of integers for one instruction set. Included by
// isa_kernels.cc alone.
#ifndef VARVE_LIB_ENCODING_ISA_BLOCKS_H_
#define VARVE_LIB_ENCODING_ISA_BLOCKS_H_

#include <cstddef>
#include <cstdint>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "lib/encoding/column_kernels.h"
#include "lib/encoding/isa_bit_packing.h"

namespace varve::encoding::VARVE_ISA {
namespace {

void MinMax(const int64_t* values, size_t n, int64_t* min, int64_t* max) {
  int64_t low = values[0];
  int64_t high = values[0];
  for (size_t i = 1; i < n; ++i) {
    low = values[i] < low ? values[i] : low;
    high = values[i] > high ? values[i] : high;
  }
  *min = low;
  *max = high;
}

void Distances(const int64_t* values, size_t n, uint64_t base, bool zigzag,
               uint64_t* out) {
  if (zigzag) {
    for (size_t i = 0; i < n; ++i) {
      const uint64_t u = static_cast<uint64_t>(values[i]) - base;
      out[i] = u << 1 ^ -(u >> 63);
    }
  } else {
    for (size_t i = 0; i < n; ++i) {
      out[i] = static_cast<uint64_t>(values[i]) - base;
    }
  }
}

// How many of a full block's widths are above `width`.
#if defined(__AVX512BW__)
size_t CountAbove(const uint8_t* widths, uint8_t width) {
  static_assert(kBlock == 128);
  const __m512i limit = _mm512_set1_epi8(static_cast<char>(width));
  const auto above = [&](const uint8_t* from) {
    return static_cast<size_t>(__builtin_popcountll(
        _mm512_cmpgt_epu8_mask(_mm512_loadu_si512(from), limit)));
  };
  return above(widths) + above(widths + 64);
}
#else
size_t CountAbove(const uint8_t* widths, uint8_t width) {
  uint8_t count = 0;  // at most kBlock
  for (size_t i = 0; i < kBlock; ++i) {
    count = static_cast<uint8_t>(count + (widths[i] > width));
  }
  return count;
}
#endif

// An exception costs its position and its high bits. Widths go down from the
// top until the exceptions alone cost more than the best plan.
WidthPlan PlanWidth(const uint64_t* distances, size_t n) {
  uint8_t widths[kBlock] = {};
  uint64_t any = 0;
  for (size_t i = 0; i < n; ++i) {
    const uint64_t u = distances[i];
    any |= u;
    widths[i] = static_cast<uint8_t>(64 - __builtin_clzll(u | 1) - (u == 0));
  }
  int top = any == 0 ? 0 : 64 - __builtin_clzll(any);
  if (top == 63) top = 64;  // 63 stands for 64 in the block's head
  WidthPlan plan;
  plan.width = top;
  plan.bytes = PackedBytes(n, top);
  for (int width = top - 1; width >= 0; --width) {
    const size_t above = CountAbove(widths, static_cast<uint8_t>(width));
    if (above == 0 || width == 63) continue;
    const size_t patches = 2 + above + PackedBytes(above, top - width);
    if (patches >= plan.bytes) break;
    const size_t bytes = PackedBytes(n, width) + patches;
    if (bytes < plan.bytes) {
      plan.bytes = bytes;
      plan.width = width;
      plan.high_width = top - width;
      plan.exceptions = above;
    }
  }
  return plan;
}

void AddBase(uint64_t* values, size_t n, uint64_t base, bool zigzag) {
  if (zigzag) {
    for (size_t i = 0; i < n; ++i) {
      values[i] = base + (values[i] >> 1 ^ -(values[i] & 1));
    }
  } else {
    for (size_t i = 0; i < n; ++i) values[i] += base;
  }
}

#if defined(__AVX512F__)

// Lane by lane: the values `kLanes` lanes below, zeros in the lowest ones.
template <int kLanes>
inline __m512i ShiftLanes(__m512i lanes) {
  return _mm512_maskz_alignr_epi64(0xff, lanes, _mm512_setzero_si512(),
                                   8 - kLanes);
}

// Three steps give the sums within eight lanes. Only one addition waits for
// the eight lanes before.
size_t VectorSums(int64_t* values, size_t n, uint64_t* last) {
  const __m512i top_lane = _mm512_set1_epi64(7);
  __m512i carry = _mm512_set1_epi64(static_cast<int64_t>(*last));
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    __m512i sums = _mm512_loadu_si512(values + i);
    sums = _mm512_add_epi64(sums, ShiftLanes<1>(sums));
    sums = _mm512_add_epi64(sums, ShiftLanes<2>(sums));
    sums = _mm512_add_epi64(sums, ShiftLanes<4>(sums));
    _mm512_storeu_si512(values + i, _mm512_add_epi64(sums, carry));
    carry = _mm512_add_epi64(
        carry, _mm512_maskz_permutexvar_epi64(0xff, top_lane, sums));
  }
  if (i > 0) *last = static_cast<uint64_t>(values[i - 1]);
  return i;
}

#else
size_t VectorSums(int64_t*, size_t, uint64_t*) { return 0; }
#endif

void PrefixSum(int64_t* values, size_t n, uint64_t* last) {
  size_t i = VectorSums(values, n, last);
  uint64_t sum = *last;
#pragma GCC unroll 8
  for (; i < n; ++i) {
    sum += static_cast<uint64_t>(values[i]);
    values[i] = static_cast<int64_t>(sum);
  }
  *last = sum;
}

uint64_t DifferenceBits(const int64_t* values, size_t n) {
  const auto first = static_cast<uint64_t>(values[0]);
  uint64_t any = 0;
  for (size_t i = 0; i < n; ++i) any |= static_cast<uint64_t>(values[i]) - first;
  return any;
}

void ShiftDown(int64_t* values, size_t n, int shift) {
  const auto first = static_cast<uint64_t>(values[0]);
  for (size_t i = 0; i < n; ++i) {
    values[i] =
        static_cast<int64_t>(static_cast<uint64_t>(values[i]) - first) >> shift;
  }
}

void Differences(const int64_t* values, size_t n, int64_t* out) {
  for (size_t i = 0; i + 1 < n; ++i) {
    out[i] = static_cast<int64_t>(static_cast<uint64_t>(values[i + 1]) -
                                  static_cast<uint64_t>(values[i]));
  }
}

}  // namespace
}  // namespace varve::encoding::VARVE_ISA

#endif  // VARVE_LIB_ENCODING_ISA_BLOCKS_H_
