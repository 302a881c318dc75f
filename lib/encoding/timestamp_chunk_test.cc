// Timestamps come back, and regular ones are small.
#include <catch2/catch.hpp>
#include <limits>
#include <random>
#include <vector>

#include "lib/encoding/chunk_checks.h"

namespace varve::encoding {
namespace {

TEST_CASE("regular timestamps take ten bytes", "[encoding]") {
  std::vector<int64_t> times(240);
  for (size_t i = 0; i < times.size(); ++i) {
    times[i] = 1'780'000'000'000 + static_cast<int64_t>(i) * 15'000;
  }
  CHECK(CheckTimes(times) <= 11);
}

TEST_CASE("jittered scrapes and gaps come back", "[encoding]") {
  std::mt19937_64 random(23);
  for (int round = 0; round < 300; ++round) {
    std::vector<int64_t> times(1 + random() % 500);
    int64_t t = static_cast<int64_t>(random() % 2'000'000'000'000);
    for (int64_t& time : times) {
      t += 15'000;
      if (random() % 40 == 0) t += 15'000 * static_cast<int64_t>(random() % 9);
      time = t + static_cast<int64_t>(random() % 12);
    }
    CAPTURE(round);
    CheckTimes(times);
  }
}

TEST_CASE("extreme timestamps come back", "[encoding]") {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  for (int64_t time : {kMin, int64_t{-1}, int64_t{0}, kMax}) {
    CheckTimes({time});
    CheckTimes({time, time});
    CheckTimes({time, time, time});
  }
  CheckTimes({kMin, 0, kMax});
  CheckTimes({kMin, kMax});
  CheckTimes({kMin, kMin, kMin + 1, -5, 0, 0, 17, kMax - 1, kMax, kMax});
  std::vector<int64_t> equal_then_one(65'535, 1000);
  equal_then_one.back() = 1001;
  CheckTimes(equal_then_one);
}

}  // namespace
}  // namespace varve::encoding
