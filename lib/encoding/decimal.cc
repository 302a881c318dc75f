#include "lib/encoding/decimal.h"

#include <array>
#include <cmath>

namespace varve::encoding {
namespace {

constexpr int kExponentBias = 1023;

// By biased exponent: the largest scale that surely keeps the mantissa below
// 2^50, or -1. log10(2) = 0.30103 rounded up, so that it stays sure.
constexpr std::array<int8_t, 2048> MakeSureScales() {
  std::array<int8_t, 2048> scales{};
  for (int biased = 0; biased < 2048; ++biased) {
    const int bits_left = 49 - (biased - kExponentBias);
    const int scale = bits_left < 0 ? -1 : bits_left * 30103 / 100000;
    scales[biased] = static_cast<int8_t>(scale > kScaleMax ? kScaleMax : scale);
  }
  return scales;
}
constexpr std::array<int8_t, 2048> kSureScales = MakeSureScales();

constexpr std::array<int64_t, kScaleMax + 1> MakePowers() {
  std::array<int64_t, kScaleMax + 1> powers{1};
  for (size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}

template <int64_t kPower, int kDigits>
void StripZeros(Decimal& decimal) {
  if (decimal.scale >= kDigits && decimal.mantissa % kPower == 0) {
    decimal.mantissa /= kPower;
    decimal.scale -= kDigits;
  }
}

}  // namespace

bool SmallestDecimal(double value, Decimal& out) {
  const int64_t whole = NearestMantissa(value, 1);
  if (Fits(value, whole, 1)) {
    out = {whole, 0};
    return true;
  }
  const auto bits = std::bit_cast<uint64_t>(value);
  int scale = kSureScales[bits >> 52 & 0x7ff];
  if (scale < 0) return false;
  if (scale < kScaleMax && std::fabs(value) * kPowersOfTen[scale + 1] <
                               static_cast<double>(kMantissaMax)) {
    ++scale;
  }
  // A decimal of a smaller scale is one of this scale too: with mantissas
  // below 2^50 the product is off by less than a quarter. One test decides.
  const int64_t mantissa = NearestMantissa(value, kPowersOfTen[scale]);
  if (!Fits(value, mantissa, kPowersOfTen[scale])) return false;
  out = {mantissa, scale};
  StripZeros<100'000'000, 8>(out);
  StripZeros<10'000, 4>(out);
  StripZeros<100, 2>(out);
  StripZeros<10, 1>(out);
  return true;
}

bool MoveToOtherScale(ScaledValue& value, uint8_t scale) {
  if (value.scale > scale || scale == kRawScale) return false;
  static constexpr std::array<int64_t, kScaleMax + 1> kPowers = MakePowers();
  const int64_t power = kPowers[scale - value.scale];
  int64_t mantissa = 0;
  if (__builtin_mul_overflow(static_cast<int64_t>(value.integer), power,
                             &mantissa) ||
      !IsMantissa(static_cast<uint64_t>(mantissa))) {
    return false;
  }
  value = {static_cast<uint64_t>(mantissa), scale};
  return true;
}

}  // namespace varve::encoding
