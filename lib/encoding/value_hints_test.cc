// What a chunk of values tells the next one.
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "lib/encoding/chunk_checks.h"

namespace varve::encoding {
namespace {

TEST_CASE("any hints give chunks that come back", "[encoding]") {
  std::mt19937_64 random(29);
  ValueHints hints;
  for (int round = 0; round < 2000; ++round) {
    std::vector<double> values(1 + random() % 300);
    const double power = std::pow(10.0, random() % 4);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = round % 3 == 0 ? i * 3.0 : std::round(random() % 999) / power;
      if (round % 5 == 0) values[i] += 0.1;
      if (round % 11 == 0) values[i] = std::bit_cast<double>(random());
    }
    if (round % 7 == 0) {
      hints = std::bit_cast<ValueHints>(static_cast<uint32_t>(random()));
      hints.age %= 9;
      if (round % 2 == 0) hints.scheme %= 4, hints.scale %= 16;
      if (round % 2 == 0) hints.predictor %= 4;
    }
    CAPTURE(round);
    std::string bytes;
    const ValueHints before = hints;
    EncodeValues(values, hints, bytes);
    CheckBytes(values, bytes, before);
  }
}

TEST_CASE("a series that changes is searched anew within eight chunks",
          "[encoding]") {
  ValueHints hints;
  std::vector<double> values(240);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 0.001 * i * i;
  std::string bytes;
  EncodeValues(values, hints, bytes);
  CHECK(hints.age == 1);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 1000.0 * (i * 7 % 16);
  const size_t best = CheckValues(values);
  for (int chunk = 0; chunk < 8; ++chunk) {
    bytes.clear();
    EncodeValues(values, hints, bytes);
  }
  CHECK(bytes.size() == best);
}

TEST_CASE("a chunk tells the next one how it was encoded", "[encoding]") {
  const auto encode = [](size_t n, auto&& value_at, ValueHints hints) {
    std::vector<double> values(n);
    for (size_t i = 0; i < n; ++i) {
      values[i] = value_at(static_cast<double>(i));
    }
    std::string bytes;
    EncodeValues(values, hints, bytes);
    return bytes;
  };
  const auto decimal = [](double i) { return (4000 + 7 * i + i * i) / 100; };
  const auto near_decimal = [](double i) { return i * 0.1; };
  const auto ordered = [](double i) { return std::sqrt(i + 2); };
  const auto check = [&](auto&& value_at) {
    const std::string bytes = encode(240, value_at, {});
    const ValueHints hints = HintsOf(bytes);
    CHECK(hints.age == 1);
    CHECK(encode(240, value_at, hints) == bytes);
    CHECK(encode(1000, value_at, hints) == encode(1000, value_at, {}));
  };
  check(decimal);
  check(near_decimal);
  check(ordered);
  CHECK(HintsOf(encode(240, [](double) { return 1.5; }, {})).age == 0);
  CHECK(HintsOf("").age == 0);
  CHECK(HintsOf("\x01").age == 0);
}

}  // namespace
}  // namespace varve::encoding
