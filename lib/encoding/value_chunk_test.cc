// Values come back, and usual ones are small.
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>
#include <vector>

#include "lib/encoding/chunk_checks.h"

namespace varve::encoding {
namespace {

TEST_CASE("each nasty value comes back at each position", "[encoding]") {
  for (double nasty : NastyValues()) {
    CAPTURE(nasty);
    CheckValues({nasty});
    CheckValues({nasty, nasty, nasty});
    for (size_t n : {2u, 3u, 7u, 8u, 9u, 17u, 130u}) {
      for (size_t at = 0; at < n; ++at) {
        std::vector<double> values(n);
        for (size_t i = 0; i < n; ++i) values[i] = 100 + 0.5 * i;
        values[at] = nasty;
        CheckValues(values);
      }
    }
  }
}

TEST_CASE("all nasty values together come back", "[encoding]") {
  std::vector<double> values;
  for (int round = 0; round < 9; ++round) {
    values.insert(values.end(), NastyValues().begin(), NastyValues().end());
  }
  CheckValues(values);
  CheckValues({-0.0, 0.0});
  CheckValues({kStale, Limits::infinity()});
}

TEST_CASE("any bit patterns come back at any length", "[encoding]") {
  std::mt19937_64 random(20261120);
  for (size_t n : {1u, 2u, 3u, 7u, 8u, 9u, 127u, 128u, 129u, 240u, 65535u}) {
    for (int round = 0; round < 20; ++round) {
      CAPTURE(n, round);
      // Some bits equal in all values, so that every scheme meets them.
      const uint64_t same = random();
      const uint64_t mask = round % 4 == 0 ? 0 : random() & random();
      std::vector<double> values(n);
      for (double& value : values) {
        value = std::bit_cast<double>((random() & ~mask) | (same & mask));
      }
      CheckValues(values);
      if (n > 1000 && round > 1) break;
    }
  }
}

TEST_CASE("decimals of changing scale and sign come back", "[encoding]") {
  std::mt19937_64 random(5);
  for (int round = 0; round < 2000; ++round) {
    std::vector<double> values(1 + random() % 300);
    const int scale = static_cast<int>(random() % 15);
    const uint64_t range = uint64_t{1} << (1 + random() % 50);
    for (double& value : values) {
      const int e = random() % 8 == 0 ? static_cast<int>(random() % 15) : scale;
      value = static_cast<double>(random() % range) / std::pow(10.0, e);
      if (random() % 3 == 0) value = -value;
      if (random() % 50 == 0) value = NastyValues()[random() % 35];
    }
    CAPTURE(round);
    CheckValues(values);
  }
}

TEST_CASE("sums of decimals with rounding errors come back, and small",
          "[encoding]") {
  std::mt19937_64 random(31);
  std::vector<double> values(240);
  double sum = 0;
  for (double& value : values) {
    sum += static_cast<double>(random() % 10'000) / 1e6;
    value = sum;
  }
  // 14 bits of steps and 5 of units in the last place; 52 as ordered bits.
  CHECK(CheckValues(values) <= 240 * 26 / 8);
  values[17] = kStale;
  values[200] = 1e300;
  CheckValues(values);
  for (double& value : values) value = -value;
  CheckValues(values);
}

TEST_CASE("steady acceleration is a difference of differences", "[encoding]") {
  std::vector<double> values(240);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 5.0 * i * i - 1000;
  CHECK(CheckValues(values) <= 16);
  values.resize(3);
  CheckValues(values);
}

TEST_CASE("differences that wrap around come back", "[encoding]") {
  // As ordered integers these are next to the ends of int64.
  const double largest = std::bit_cast<double>(uint64_t{0x7fffffffffffffff});
  const double smallest = std::bit_cast<double>(uint64_t{0xfffffffffffffffe});
  for (size_t n : {3u, 4u, 129u, 130u, 131u, 240u, 300u}) {
    std::vector<double> values(n);
    for (size_t i = 0; i < n; ++i) {
      values[i] = i % 3 == 0 ? largest : i % 3 == 1 ? smallest : 0x1p-1000;
    }
    CheckValues(values);
  }
}

TEST_CASE("integers and decimals at their limits come back", "[encoding]") {
  for (double border : {0x1p50, 0x1p51, 0x1p52, 0x1p53}) {
    for (double power : {1.0, 10.0, 1e7, 1e14}) {
      std::vector<double> values;
      for (int away = -20; away <= 20; ++away) {
        values.push_back((border + away) / power);
        values.push_back(-(border + away) / power);
      }
      CheckValues(values);
    }
  }
}

TEST_CASE("-0 next to 0 comes back", "[encoding]") {
  for (size_t n : {2u, 16u, 240u}) {
    std::vector<double> values(n);
    for (size_t i = 0; i < n; ++i) values[i] = i % 2 == 0 ? 0.0 : -0.0;
    CheckValues(values);
  }
}

TEST_CASE("usual series are small", "[encoding]") {
  std::vector<double> values(240, 42.5);
  CHECK(CheckValues(values) <= 3);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 1000.0 + i;
  CHECK(CheckValues(values) <= 12);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 4096.0 * (i * 7 % 16);
  CHECK(CheckValues(values) <= 170);
  // A counter reset costs an exception, not a wide block.
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = i < 100 ? 1e9 + i * 3 : static_cast<double>(i);
  }
  CHECK(CheckValues(values) <= 110);
  // A stale marker at the end costs three bytes.
  values.assign(240, 1);
  values.back() = kStale;
  CHECK(CheckValues(values) <= 12);
}

}  // namespace
}  // namespace varve::encoding
