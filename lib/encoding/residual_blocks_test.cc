#include "lib/encoding/residual_blocks.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace varve::encoding {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

bool Decode(std::string_view bytes, std::vector<int64_t>& values) {
  // A copy of its own, so that a sanitizer sees every read past the end.
  const std::vector<char> exact(bytes.begin(), bytes.end());
  ResidualReader reader(std::string_view(exact.data(), exact.size()));
  for (size_t i = 0; i < values.size(); i += kResidualBlock) {
    const size_t n = std::min(kResidualBlock, values.size() - i);
    if (!reader.NextBlock({values.data() + i, n})) return false;
  }
  return reader.rest().empty();
}

size_t CheckRoundTrip(const std::vector<int64_t>& values) {
  std::string bytes = "kept";
  AppendResiduals(values, bytes);
  REQUIRE(bytes.substr(0, 4) == "kept");
  std::vector<int64_t> got(values.size());
  REQUIRE(Decode(bytes.substr(4), got));
  REQUIRE(got == values);
  return bytes.size() - 4;
}

TEST_CASE("every width comes back at every length", "[encoding]") {
  std::mt19937_64 random(3);
  for (int width = 0; width <= 64; ++width) {
    for (size_t n : {1u, 2u, 3u, 7u, 8u, 9u, 63u, 127u, 128u, 129u, 300u}) {
      CAPTURE(width, n);
      std::vector<int64_t> values(n);
      for (int64_t& value : values) {
        value = width == 0 ? 0 : static_cast<int64_t>(random() >> (64 - width));
      }
      CheckRoundTrip(values);
      for (int64_t& value : values) {
        value = static_cast<int64_t>(-static_cast<uint64_t>(value));
      }
      CheckRoundTrip(values);
    }
  }
}

TEST_CASE("an outlier at any position costs a few bytes", "[encoding]") {
  for (int64_t outlier : {kMin, kMax, int64_t{-1'000'000}, int64_t{1} << 40}) {
    for (size_t at = 0; at < kResidualBlock; ++at) {
      CAPTURE(outlier, at);
      std::vector<int64_t> values(kResidualBlock);
      for (size_t i = 0; i < values.size(); ++i) values[i] = i % 16;
      values[at] = outlier;
      CHECK(CheckRoundTrip(values) < 64 + 32);
    }
  }
}

TEST_CASE("extremes next to each other wrap around and come back",
          "[encoding]") {
  CheckRoundTrip({kMin, kMax, kMin, 0, kMax, -1, 1});
  CheckRoundTrip(std::vector<int64_t>(200, kMin));
  std::vector<int64_t> bases(400, kMin);
  std::fill(bases.begin() + 128, bases.begin() + 256, kMax);
  CheckRoundTrip(bases);
}

TEST_CASE("a block cut at any byte is refused", "[encoding]") {
  std::vector<int64_t> values(130, 5);
  values[3] = 1 << 20;
  values[129] = -7;
  std::string bytes;
  AppendResiduals(values, bytes);
  for (size_t keep = 0; keep < bytes.size(); ++keep) {
    CAPTURE(keep);
    CHECK_FALSE(Decode(std::string_view(bytes).substr(0, keep), values));
  }
}

TEST_CASE("random bytes never make the reader leave its view", "[encoding]") {
  std::mt19937_64 random(11);
  for (int i = 0; i < 50'000; ++i) {
    std::string bytes(random() % 80, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    std::vector<int64_t> values(1 + random() % 200);
    Decode(bytes, values);
  }
}

}  // namespace
}  // namespace varve::encoding
