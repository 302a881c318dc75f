// The value column of a chunk, shared by its encoder and its decoder:
//
//   column := h:u8 body            h = scheme (low 2 bits) | scale << 2
//   scheme 0 constant: scale <= 14: m:zigzag; scale 15: bits:u64
//   scheme 1 decimal, each value is m / 10^scale
//          2 ordered, each value is the integer that sorts as the float does
//          3 near decimal, as 1 with a column of units in the last place:
//     f:u8 [exceptions] [shift:u8 m0:zigzag] [ulps] [first:zigzag] [d:zigzag]
//     integers
//     f = predictor (0 none, 1 delta, 2 delta of delta) | exceptions 4 |
//         shift 8; every other bit is reserved
//     exceptions := count:varint (gap:varint kind:u8 [bits:u64])*
//     ulps, integers: residual blocks (residual_blocks.h); ulps in scheme 3
//
// With `shift`, what is stored of x is (x - m0) >> shift. With delta, `first`
// is the first of these and the blocks hold the n - 1 differences; with delta
// of delta `d` is the first difference and the blocks hold n - 2. Exceptions
// stand outside the integers; gap counts the values since the one before.
#ifndef VARVE_LIB_ENCODING_VALUE_CHUNK_H_
#define VARVE_LIB_ENCODING_VALUE_CHUNK_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "lib/encoding/decimal.h"

namespace varve::encoding {

inline constexpr int kConstant = 0;
inline constexpr int kDecimal = 1;
inline constexpr int kOrdered = 2;
inline constexpr int kNearDecimal = 3;
inline constexpr int kSchemeMask = 3;
inline constexpr int kScaleShift = 2;

inline constexpr int kPredictNothing = 0;
inline constexpr int kPredictDelta = 1;
inline constexpr int kPredictDelta2 = 2;
inline constexpr uint8_t kPredictorMask = 3;
inline constexpr uint8_t kHasExceptions = 4;
inline constexpr uint8_t kHasShift = 8;
inline constexpr uint8_t kKnownFlags =
    kPredictorMask | kHasExceptions | kHasShift;

// Values outside the integers, one byte each; the last kind carries its bits.
inline constexpr std::array<uint64_t, 7> kSpecialBits = {
    0x7ff0000000000002,  // staleness marker
    0x7ff0000000000000,  // +Inf
    0xfff0000000000000,  // -Inf
    0x8000000000000000,  // -0
    0x7ff8000000000001,  // the NaN of Prometheus
    0x7ff8000000000000,  // the NaN of most hardware
    0xfff8000000000000,  // the NaN of x86 arithmetic
};
inline constexpr uint8_t kRawKind = kSpecialBits.size();

}  // namespace varve::encoding

#endif  // VARVE_LIB_ENCODING_VALUE_CHUNK_H_
