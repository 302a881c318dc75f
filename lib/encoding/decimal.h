// Floats as decimals: value == m / 10^e, bit for bit.
//
// In:      any float64 bits; a scale e of 0..kScaleMax.
// Out:     m with |m| <= kMantissaMax, so that m fits a double exactly and
//          every decimal of up to 15 digits has a place.
// Source:  IEEE 754 division is correctly rounded and 10^e is exact up to
//          e = 22, so the double nearest to a decimal comes back from its own
//          smallest scale; multiplying by 10^-e (ALP, SIGMOD 2024) would not
//          do. The integer conversions add 1.5 * 2^52, as vector code can.
// Threads: free functions without state; they assume the default rounding.
#ifndef VARVE_LIB_ENCODING_DECIMAL_H_
#define VARVE_LIB_ENCODING_DECIMAL_H_

#include <bit>
#include <cstdint>
#include <limits>

namespace varve::encoding {

static_assert(std::numeric_limits<double>::is_iec559);

inline constexpr int kScaleMax = 14;
inline constexpr int64_t kMantissaMax = int64_t{1} << 50;
inline constexpr double kPowersOfTen[kScaleMax + 1] = {
    1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6, 1e7,
    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};

// At this size the last bit of a double is worth 1.
inline constexpr double kRounder = 0x1.8p52;
inline constexpr uint64_t kRounderBits = std::bit_cast<uint64_t>(kRounder);

struct Decimal {
  int64_t mantissa = 0;
  int scale = 0;
  friend bool operator==(const Decimal&, const Decimal&) = default;
};

// Any `mantissa` gives some double; those of Fits give the value.
inline double FromDecimal(int64_t mantissa, double power_of_ten) {
  const double whole =
      std::bit_cast<double>(static_cast<uint64_t>(mantissa) + kRounderBits) -
      kRounder;
  return whole / power_of_ten;
}

// The nearest mantissa; meaningless for values too large, infinite or NaN.
inline int64_t NearestMantissa(double value, double power_of_ten) {
  return static_cast<int64_t>(
      std::bit_cast<uint64_t>(value * power_of_ten + kRounder) - kRounderBits);
}

inline bool IsMantissa(uint64_t integer) {
  return integer + kMantissaMax <= uint64_t{2 * kMantissaMax};
}

// True when `mantissa` stands for exactly these bits: never for -0, infinities
// and NaNs.
inline bool Fits(double value, int64_t mantissa, double power_of_ten) {
  const bool same =
      std::bit_cast<uint64_t>(FromDecimal(mantissa, power_of_ten)) ==
      std::bit_cast<uint64_t>(value);
  return same && IsMantissa(static_cast<uint64_t>(mantissa));
}

// The decimal with the smallest scale, if there is one. About 10 ns; 2 ns for
// an integer.
bool SmallestDecimal(double value, Decimal& out);

// Any float64 as an integer at a scale: its smallest decimal, or its bits at
// kRawScale when it has none. Whoever has to look at every value anyway does it
// once, and all behind him compare and subtract integers.
inline constexpr uint8_t kRawScale = 15;
static_assert(kScaleMax < kRawScale);

struct ScaledValue {
  uint64_t integer = 0;
  uint8_t scale = 0;
  friend bool operator==(const ScaledValue&, const ScaledValue&) = default;
};

inline ScaledValue ToScaled(double value) {
  Decimal decimal;
  if (!SmallestDecimal(value, decimal)) {
    return {std::bit_cast<uint64_t>(value), kRawScale};
  }
  return {static_cast<uint64_t>(decimal.mantissa),
          static_cast<uint8_t>(decimal.scale)};
}

// The same at `scale` where the value has an integer there: 2 ns then.
inline ScaledValue ToScaled(double value, uint8_t scale) {
  if (scale == kRawScale) return ToScaled(value);
  const double power = kPowersOfTen[scale];
  const int64_t mantissa = NearestMantissa(value, power);
  if (!Fits(value, mantissa, power)) return ToScaled(value);
  return {static_cast<uint64_t>(mantissa), scale};
}

inline double FromScaled(const ScaledValue& value) {
  if (value.scale == kRawScale) return std::bit_cast<double>(value.integer);
  return FromDecimal(static_cast<int64_t>(value.integer),
                     kPowersOfTen[value.scale]);
}

// Moves a value to `scale`; false when it has no integer there. It stays the
// same value: IEEE 754 division rounds equal quotients to one double.
bool MoveToOtherScale(ScaledValue& value, uint8_t scale);
inline bool MoveToScale(ScaledValue& value, uint8_t scale) {
  return value.scale == scale || MoveToOtherScale(value, scale);
}

}  // namespace varve::encoding

#endif  // VARVE_LIB_ENCODING_DECIMAL_H_
