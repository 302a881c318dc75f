// Kernels between floats and integers for one instruction set. Included by
// isa_kernels.cc alone. Plain loops: compilers make vector code of them.
#ifndef VARVE_LIB_ENCODING_ISA_FLOATS_H_
#define VARVE_LIB_ENCODING_ISA_FLOATS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "lib/encoding/column_kernels.h"
#include "lib/encoding/decimal.h"

namespace varve::encoding::VARVE_ISA {
namespace {

constexpr uint64_t kSignBit = uint64_t{1} << 63;
constexpr uint64_t kInfinityBits = 0x7ff0000000000000;

inline uint64_t BitsOf(double value) {
  return __builtin_bit_cast(uint64_t, value);
}
inline double FloatOf(uint64_t bits) {
  return __builtin_bit_cast(double, bits);
}

// 1 / 10^e, correctly rounded.
struct Inverses {
  double of[kScaleMax + 1];
};
constexpr Inverses MakeInverses() {
  Inverses inverses{};
  for (int e = 0; e <= kScaleMax; ++e) inverses.of[e] = 1 / kPowersOfTen[e];
  return inverses;
}
constexpr Inverses kInverses = MakeInverses();

// The correctly rounded quotient. Division is the slowest instruction here, so
// where there is a fused multiply-add: the first correction gives one of the
// two floats around the quotient, and Markstein's theorem (IBM J. R&D 34/1,
// 1990) makes the second one exact, since `inverse` is correctly rounded.
inline double Divide(double whole, double power,
                     [[maybe_unused]] double inverse) {
#if defined(__FMA__)
  const double near = whole * inverse;
  const double faithful =
      __builtin_fma(__builtin_fma(-near, power, whole), inverse, near);
  return __builtin_fma(__builtin_fma(-faithful, power, whole), inverse,
                       faithful);
#else
  return whole / power;
#endif
}

inline double WholeOf(uint64_t mantissa) {
  return FloatOf(mantissa + kRounderBits) - kRounder;
}

bool SameBits(const double* values, size_t n) {
  const uint64_t first = BitsOf(values[0]);
  constexpr size_t kStride = 32;
  size_t i = 0;
  for (; i + kStride <= n; i += kStride) {
    uint64_t differ = 0;
    for (size_t k = 0; k < kStride; ++k) differ |= BitsOf(values[i + k]) ^ first;
    if (differ != 0) return false;
  }
  uint64_t differ = 0;
  for (; i < n; ++i) differ |= BitsOf(values[i]) ^ first;
  return differ == 0;
}

void Fill(double value, double* out, size_t n) {
  for (size_t i = 0; i < n; ++i) out[i] = value;
}

template <bool kDivides>
size_t ToMantissas(const double* values, size_t n, int scale, int64_t* out) {
  const double power = kPowersOfTen[scale];
  const double inverse = kInverses.of[scale];
  constexpr auto kMax = static_cast<double>(kMantissaMax);
  uint64_t misfits = 0;
  for (size_t i = 0; i < n; ++i) {
    const double value = values[i];
    const double rounded = (kDivides ? value * power : value) + kRounder;
    const double whole = rounded - kRounder;
    const double back = kDivides ? Divide(whole, power, inverse) : whole;
    out[i] = static_cast<int64_t>(BitsOf(rounded) - kRounderBits);
    // False for NaNs, too.
    const bool in_range = __builtin_fabs(whole) <= kMax;
    const bool same = BitsOf(back) == BitsOf(value);
    misfits += (in_range & same) ? 0 : 1;
  }
  return misfits;
}

size_t ToMantissas(const double* values, size_t n, int scale, int64_t* out) {
  return scale == 0 ? ToMantissas<false>(values, n, scale, out)
                    : ToMantissas<true>(values, n, scale, out);
}

size_t ToUlps(const double* values, size_t n, int scale, int64_t* mantissas,
              int64_t* ulps) {
  const double power = kPowersOfTen[scale];
  const double inverse = kInverses.of[scale];
  constexpr auto kMax = static_cast<double>(kMantissaMax);
  uint64_t misfits = 0;
  for (size_t i = 0; i < n; ++i) {
    const double rounded = values[i] * power + kRounder;
    const double whole = rounded - kRounder;
    mantissas[i] = static_cast<int64_t>(BitsOf(rounded) - kRounderBits);
    const uint64_t ulp =
        BitsOf(values[i]) - BitsOf(Divide(whole, power, inverse));
    ulps[i] = static_cast<int64_t>(ulp);
    const bool in_range = __builtin_fabs(whole) <= kMax;
    const bool near = ulp + kUlpsMax <= uint64_t{2 * kUlpsMax};
    misfits += (in_range & near) ? 0 : 1;
  }
  return misfits;
}

// Negative floats sort the other way round; its own inverse.
inline uint64_t Ordered(uint64_t bits) {
  return bits ^ (-(bits >> 63) & ~kSignBit);
}

size_t ToOrdered(const double* values, size_t n, int64_t* out) {
  uint64_t special = 0;
  for (size_t i = 0; i < n; ++i) {
    const uint64_t bits = BitsOf(values[i]);
    out[i] = static_cast<int64_t>(Ordered(bits));
    special += (bits == kSignBit) | ((bits & ~kSignBit) >= kInfinityBits);
  }
  return special;
}

void FromMantissas(const int64_t* ints, size_t n, const IntTransform& how,
                   double* out) {
  const uint64_t m0 = how.m0;
  const int shift = how.shift;
  const double power = kPowersOfTen[how.scale];
  const double inverse = kInverses.of[how.scale];
  if (how.scale != 0) {
    for (size_t i = 0; i < n; ++i) {
      const uint64_t mantissa = m0 + (static_cast<uint64_t>(ints[i]) << shift);
      out[i] = Divide(WholeOf(mantissa), power, inverse);
    }
  } else {
    for (size_t i = 0; i < n; ++i) {
      out[i] = WholeOf(m0 + (static_cast<uint64_t>(ints[i]) << shift));
    }
  }
}

void FromUlps(const int64_t* ints, size_t n, const IntTransform& how,
              double* inout) {
  const uint64_t m0 = how.m0;
  const int shift = how.shift;
  const double power = kPowersOfTen[how.scale];
  const double inverse = kInverses.of[how.scale];
  for (size_t i = 0; i < n; ++i) {
    const uint64_t mantissa = m0 + (static_cast<uint64_t>(ints[i]) << shift);
    const double near = Divide(WholeOf(mantissa), power, inverse);
    inout[i] = FloatOf(BitsOf(near) + BitsOf(inout[i]));
  }
}

void FromOrdered(const int64_t* ints, size_t n, const IntTransform& how,
                 double* out) {
  const uint64_t m0 = how.m0;
  const int shift = how.shift;
  for (size_t i = 0; i < n; ++i) {
    out[i] = FloatOf(Ordered(m0 + (static_cast<uint64_t>(ints[i]) << shift)));
  }
}

}  // namespace
}  // namespace varve::encoding::VARVE_ISA

#endif  // VARVE_LIB_ENCODING_ISA_FLOATS_H_
