#include "lib/encoding/decimal.h"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <string>

namespace varve::encoding {
namespace {

double Back(const Decimal& decimal) {
  return FromDecimal(decimal.mantissa, kPowersOfTen[decimal.scale]);
}

TEST_CASE("a printed decimal of up to 15 digits has its own scale",
          "[encoding]") {
  std::mt19937_64 random(20261120);
  for (int i = 0; i < 200'000; ++i) {
    const int digits = 1 + static_cast<int>(random() % 15);
    const int scale = static_cast<int>(random() % 15);
    int64_t mantissa = static_cast<int64_t>(
        random() % static_cast<uint64_t>(std::pow(10, digits)));
    if (random() % 2 == 0) mantissa = -mantissa;
    if (mantissa == 0) continue;
    const std::string text =
        std::to_string(mantissa) + "e-" + std::to_string(scale);
    const double value = std::stod(text);
    CAPTURE(text);
    Decimal decimal;
    REQUIRE(SmallestDecimal(value, decimal));
    REQUIRE(std::bit_cast<uint64_t>(Back(decimal)) ==
            std::bit_cast<uint64_t>(value));
    REQUIRE((decimal.scale == 0 || decimal.mantissa % 10 != 0));
    REQUIRE(decimal.scale <= scale);
  }
}

TEST_CASE("what has no decimal is refused", "[encoding]") {
  using Limits = std::numeric_limits<double>;
  for (double value :
       {-0.0, Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN(),
        Limits::denorm_min(), Limits::min(), Limits::max(), -Limits::max(),
        0.1 + 0.2, std::nextafter(1.0, 2.0), 1e-15, 0x1p51, 0x1p52, 0x1p53}) {
    CAPTURE(value);
    Decimal decimal;
    CHECK_FALSE(SmallestDecimal(value, decimal));
  }
}

TEST_CASE("the smallest scale is found at the borders", "[encoding]") {
  Decimal decimal;
  CHECK(SmallestDecimal(0.0, decimal));
  CHECK(decimal == Decimal{0, 0});
  CHECK(SmallestDecimal(0x1p50, decimal));
  CHECK(decimal == Decimal{int64_t{1} << 50, 0});
  CHECK(SmallestDecimal(-0x1p50, decimal));
  CHECK(decimal == Decimal{-(int64_t{1} << 50), 0});
  CHECK(SmallestDecimal(1e-14, decimal));
  CHECK(decimal == Decimal{1, 14});
  CHECK(SmallestDecimal(-2.5, decimal));
  CHECK(decimal == Decimal{-25, 1});
  CHECK(SmallestDecimal(8.12345678901234, decimal));
  CHECK(decimal == Decimal{812'345'678'901'234, 14});
  CHECK(SmallestDecimal(999.999999999999, decimal));
  CHECK(decimal == Decimal{999'999'999'999'999, 12});
}

TEST_CASE("no bit pattern is mistaken for a decimal", "[encoding]") {
  std::mt19937_64 random(7);
  for (int i = 0; i < 300'000; ++i) {
    const auto value = std::bit_cast<double>(random());
    Decimal decimal;
    if (SmallestDecimal(value, decimal)) {
      CAPTURE(value);
      REQUIRE(std::bit_cast<uint64_t>(Back(decimal)) ==
              std::bit_cast<uint64_t>(value));
    }
  }
}

TEST_CASE("any bits come back scaled", "[encoding]") {
  std::mt19937_64 random(8);
  for (int i = 0; i < 300'000; ++i) {
    const double value =
        i % 2 == 0 ? std::bit_cast<double>(random())
                   : static_cast<double>(random() % 1'000'000) / 1000;
    const ScaledValue scaled = ToScaled(value);
    CAPTURE(value);
    REQUIRE(std::bit_cast<uint64_t>(FromScaled(scaled)) ==
            std::bit_cast<uint64_t>(value));
    REQUIRE((scaled.scale == kRawScale || IsMantissa(scaled.integer)));
  }
  CHECK(ToScaled(-0.0).scale == kRawScale);
  CHECK(ToScaled(0.0) == ScaledValue{0, 0});
}

TEST_CASE("a value stays the same at every scale that has it", "[encoding]") {
  std::mt19937_64 random(9);
  for (int i = 0; i < 10'000; ++i) {
    const double value = static_cast<double>(random() >> random() % 64) /
                         kPowersOfTen[random() % 10];
    const ScaledValue own = ToScaled(value);
    CAPTURE(value);
    for (uint8_t scale = 0; scale <= kRawScale; ++scale) {
      ScaledValue moved = own;
      // What a test of the value itself says.
      const bool fits =
          scale == kRawScale
              ? own.scale == kRawScale
              : Fits(value, NearestMantissa(value, kPowersOfTen[scale]),
                     kPowersOfTen[scale]);
      CAPTURE(int{scale});
      REQUIRE(MoveToScale(moved, scale) == fits);
      REQUIRE(std::bit_cast<uint64_t>(FromScaled(moved)) ==
              std::bit_cast<uint64_t>(value));
      if (fits) REQUIRE(moved.scale == scale);
      REQUIRE(ToScaled(value, scale) == (fits ? moved : own));
    }
  }
}

}  // namespace
}  // namespace varve::encoding
